import { type SegmentHeader, type Software } from '../../adapters/recorder/format.ts';
import {
  replayRecording,
  type RecordingReport,
  type SegmentReport,
} from '../../adapters/recorder/replay-recording.ts';
import { type Difference, type ReplayedStep } from '../../adapters/recorder/replay-segment.ts';
import { listSegments } from '../../adapters/recorder/ring.ts';
import { type Segment } from '../../adapters/recorder/segment.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { type MemberEffect, type MemberEvent } from '../../core/chainfire/member-protocol.ts';
import { writePage } from '../../reports/page/write-page.ts';
import { stepLine } from '../../sim/trace.ts';
import { memberReplayKit } from '../chainfire/member-replay-kit.ts';
import { recordedSystem } from '../chainfire/member-recorder.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { memberSoftware } from '../software.ts';
import { writeJson } from './json-file.ts';
import { recordingPage } from './recording-page.ts';

export interface ReplayRecordingOptions {
  /** Undefined: every start that the directory holds. */
  readonly boot: number | undefined;
  /** Number of the last step, counted from the start. */
  readonly until: number | undefined;
  /** Replay what other code recorded, too. */
  readonly force: boolean;
  readonly trace: boolean;
  /** File for a page of the newest steps. */
  readonly page: string | undefined;
  readonly json: string | undefined;
}

type MemberStep = ReplayedStep<MemberEvent, MemberEffect, ChainfireMember>;

/** Steps that are shown before one that differs. */
const shownStepsMax = 20;

/**
 * Steps the machines of a recording again with all that they were given, and holds what they do against what was recorded.
 *
 * @throws ExitError when it differs, when something of the recording is damaged or missing, or when other code recorded it
 */
export async function replayRecordingIn(dir: string, options: ReplayRecordingOptions): Promise<void> {
  const places = listSegments(dir);
  const boots = [...new Set(places.map(({ boot }) => boot))];
  if (places.length === 0) throw new ExitError(`there is no recording in ${dir}`, exitCodes.refused);
  if (options.boot !== undefined && !boots.includes(options.boot)) {
    throw new ExitError(`${dir} holds no boot ${options.boot}, but ${boots.join(', ')}`, exitCodes.refused);
  }
  const software = memberSoftware();
  const recent = new RecentSteps();
  let node = 0 as NodeId;
  const report = replayRecording(places, memberReplayKit, {
    boot: options.boot,
    ...(options.until === undefined ? {} : { untilStep: options.until }),
    refuse: (segment) => (options.force ? undefined : refusalOf(segment, software)),
    onSegment: ({ header }) => {
      node = header.identity.node as NodeId;
      say(describeSegment(header));
    },
    onStep: (step) => {
      recent.add(step);
      if (options.trace) say(lineOf(step, node));
    },
  });
  for (const segment of report.segments) {
    if (segment.difference !== undefined) explain(segment.difference, recent, node);
  }
  summarize(report);
  writeJson(options.json, jsonOf(report));
  if (options.page !== undefined) {
    const { page, boot, until: untilStep } = options;
    const chosen = places.filter((place) => boot === undefined || place.boot === boot);
    const replayCommand = commandOf(dir, options);
    await writePage(page, recordingPage(chosen, report, { untilStep, replayCommand }));
    say(`page        ${page}`);
  }
  if (report.problems.length === 0) return;
  const refused = report.segments.some(({ ending }) => ending === 'refused');
  throw new ExitError(report.problems.join('\n'), refused ? exitCodes.refused : exitCodes.failed);
}

function commandOf(dir: string, { boot, until, force }: ReplayRecordingOptions): string {
  return [
    `photon sim replay --recording ${JSON.stringify(dir)}`,
    ...(boot === undefined ? [] : [`--boot ${boot}`]),
    ...(until === undefined ? [] : [`--until ${until}`]),
    ...(force ? ['--force'] : []),
  ].join(' ');
}

/** Why another program's recording is not replayed unless one insists: it would differ where nothing is wrong. */
function refusalOf({ header }: Segment, own: Software): string | undefined {
  const { software, identity } = header;
  if (identity.system !== recordedSystem)
    return `it is of the system ${identity.system}, which this command does not know`;
  if (software.machine === own.machine) return undefined;
  return `recorded by ${describeSoftware(software)}, and this is ${describeSoftware(own)}: check that out, or insist with --force`;
}

function describeSoftware({ version, commit, machine }: Software): string {
  return `version ${version}, commit ${commit ?? 'unknown'}, sources ${machine}`;
}

function describeSegment({ boot, segment, identity, begunAt, stepsBefore, software }: SegmentHeader): string {
  const { system, node, name, cluster } = identity;
  const who = `${system} member ${node} (${name}) of cluster ${cluster}`;
  return `boot ${boot}, segment ${segment}: ${who}, begun ${begunAt}, version ${software.version}, from step ${stepsBefore + 1}`;
}

function explain(
  { step, equalUpTo, what }: Difference<MemberEvent>,
  recent: RecentSteps,
  node: NodeId,
): void {
  say(`equal up to step ${equalUpTo}; the steps behind it:`);
  for (const each of recent.after(equalUpTo)) say(`  ${each.number}  ${lineOf(each, node)}`);
  if (step === undefined) return say(what);
  const { number, atUs, event } = step;
  say(`> ${number}  ${stepLine({ nowUs: atUs, node, event, effects: [] })}`);
  say(`  ${what}`);
}

function summarize({ segments, notes }: RecordingReport<MemberEvent>): void {
  const replayed = segments.filter(({ ending }) => ending !== 'unreadable' && ending !== 'refused');
  const sum = (of: (segment: SegmentReport<MemberEvent>) => number): number =>
    replayed.reduce((total, segment) => total + of(segment), 0);
  for (const note of notes) say(`note        ${note}`);
  say(`boots       ${new Set(replayed.map(({ boot }) => boot)).size}`);
  say(`segments    ${replayed.length}`);
  say(`steps       ${sum(({ steps }) => steps)}`);
  say(`checkpoints ${sum(({ checkpoints }) => checkpoints)} equal`);
  say(`states      ${sum(({ stateEqual }) => (stateEqual === true ? 1 : 0))} equal`);
}

function jsonOf({ segments, notes, problems }: RecordingReport<MemberEvent>): unknown {
  return {
    segments: segments.map(({ difference, ...segment }) => ({
      ...segment,
      difference:
        difference === undefined
          ? undefined
          : { what: difference.what, step: difference.step?.number, equalUpTo: difference.equalUpTo },
    })),
    notes,
    problems,
  };
}

function lineOf({ atUs, event, effects }: MemberStep, node: NodeId): string {
  return stepLine({ nowUs: atUs, node, event, effects });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** The last steps that were equal. */
class RecentSteps {
  #steps: MemberStep[] = [];

  add(step: MemberStep): void {
    this.#steps.push(step);
    if (this.#steps.length > 2 * shownStepsMax) this.#steps = this.#steps.slice(-shownStepsMax);
  }

  after(number: number): readonly MemberStep[] {
    return this.#steps.filter((step) => step.number > number).slice(-shownStepsMax);
  }
}
