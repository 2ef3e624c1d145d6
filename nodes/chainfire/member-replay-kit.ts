import { type ReplayKit } from '../../adapters/recorder/replay-segment.ts';
import { memberEventCodec } from '../../core/chainfire/event-codec.ts';
import { ChainfireMember, memberTables } from '../../core/chainfire/member.ts';
import {
  type MemberConfig,
  type MemberEffect,
  type MemberEvent,
} from '../../core/chainfire/member-protocol.ts';
import { seededPrng } from '../../sim/prng.ts';

/** How recorded members are put up again. */
export const memberReplayKit: ReplayKit<MemberEvent, MemberEffect, ChainfireMember> = {
  codec: memberEventCodec,
  tables: memberTables,
  recover: (ports, { config, seed, nowUs }) =>
    ChainfireMember.recover(ports, config as unknown as MemberConfig, seededPrng(seed), nowUs),
  // Where the streams of randomness are is part of the state: the seed of this one is of no account.
  restore: (ports, { config, state, nowUs }) =>
    ChainfireMember.restore(ports, config as unknown as MemberConfig, seededPrng(''), state, nowUs),
};
