import { CompactionRequest, CompactionResponse } from '../../../../core/chainfire/api/kv.ts';
import { DefragmentRequest, DefragmentResponse } from '../../../../adapters/grpc/maintenance-messages.ts';
import { loadKeys } from '../keys.ts';
import { type Figure } from './figures.ts';
import { type Stage } from './stage.ts';
import { delayFigures, underLightLoad } from './under-light-load.ts';

const timeoutMs = 600_000;
const wanted = { putsAtMostMs: 50, getsAtMostMs: 50 };

/** Every key is written once more; then all that is not needed any more is freed, and the answer waits for it. */
export async function measureCompaction(stage: Stage): Promise<readonly Figure[]> {
  const { system, dir } = await stage.loaded();
  const { keys } = stage.settings;
  stage.say('writing every key once more');
  await loadKeys(system, keys);
  const leader = await system.leader();
  const { revision } = await system.status(leader);
  const codecs = { request: CompactionRequest, response: CompactionResponse };
  const request = CompactionRequest.create({ revision, physical: true });
  const seen = await underLightLoad(system, { keys, dir }, () =>
    leader.calls.unary('etcdserverpb.KV/Compact', codecs, request, timeoutMs),
  );
  return [{ what: 'took', unit: 's', value: seen.seconds }, ...delayFigures(seen, wanted)];
}

/** The leader gives back what its file holds beside its content. */
export async function measureDefragment(stage: Stage): Promise<readonly Figure[]> {
  const { system, dir } = await stage.loaded();
  const leader = await system.leader();
  const { storeBytes } = await system.status(leader);
  const codecs = { request: DefragmentRequest, response: DefragmentResponse };
  const seen = await underLightLoad(system, { keys: stage.settings.keys, dir }, () =>
    leader.calls.unary('etcdserverpb.Maintenance/Defragment', codecs, {}, timeoutMs),
  );
  const after = await system.status(leader);
  return [
    { what: 'took', unit: 's', value: seen.seconds },
    { what: 'file before', unit: 'MB', value: storeBytes / 1e6 },
    { what: 'file after', unit: 'MB', value: after.storeBytes / 1e6 },
    ...delayFigures(seen, wanted),
  ];
}
