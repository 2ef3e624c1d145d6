import { type SegmentHeader } from '../../adapters/recorder/format.ts';
import { type RecordingReport, replayRecording } from '../../adapters/recorder/replay-recording.ts';
import { type SegmentPlace } from '../../adapters/recorder/ring.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { type MemberEvent } from '../../core/chainfire/member-protocol.ts';
import { EvidenceBuilder } from '../../reports/evidence/builder.ts';
import { memberState } from '../../reports/evidence/node-state.ts';
import { type NodeState } from '../../reports/evidence/types.ts';
import { type RecordingPage } from '../../reports/page/page-data.ts';
import { type RunResult } from '../../sim/types.ts';
import { memberReplayKit } from '../chainfire/member-replay-kit.ts';

/** Of the newest steps so many are shown, and of the newest of these the states. */
const stepsMax = 5_000;
const statesMax = 1_000;

/**
 * What the newest steps of a recording did, for a page. Replays their segments once more, now that it is known how many steps
 * there are and that they are what was recorded.
 *
 * @param report of the replay of the same segments
 */
export function recordingPage(
  places: readonly SegmentPlace[],
  report: RecordingReport<MemberEvent>,
  options: { readonly untilStep: number | undefined; readonly replayCommand: string },
): RecordingPage {
  const shown = newestSegments(places, report);
  const evidence = new EvidenceBuilder({ stepsMax, firstStep: shown.firstStep });
  const states: NodeState[] = [];
  const clock = new WallTime();
  let node = 0 as NodeId;
  let boot = 0;
  let steps = 0;
  replayRecording(shown.places, memberReplayKit, {
    ...(options.untilStep === undefined ? {} : { untilStep: options.untilStep }),
    onSegment: ({ header, checkpoint }) => {
      node = header.identity.node as NodeId;
      if (header.boot === boot) return;
      clock.booted(header, checkpoint.nowUs);
      if (boot !== 0) evidence.ended(node, clock.lastUs);
      boot = header.boot;
    },
    onStep: ({ atUs, event, effects, machine }) => {
      steps += 1;
      if (steps <= shown.skipped) return;
      evidence.step({ atUs: clock.of(atUs), node, boot, event, effects, member: machine });
      if (steps > shown.steps - statesMax) states.push(memberState(node, machine));
    },
  });
  for (const text of report.notes) evidence.note(clock.lastUs, node, text);
  const result = resultOf(report, { steps: steps - shown.skipped, simulatedUs: clock.lastUs });
  return {
    kind: 'recording',
    evidence: evidence.finish({ result }),
    states,
    replayCommand: options.replayCommand,
  };
}

interface Newest {
  readonly places: readonly SegmentPlace[];
  /** In these places. */
  readonly steps: number;
  /** So many of them, the oldest, are more than are shown. */
  readonly skipped: number;
  /** What the first that is shown is called in the recording, where each start counts its own from 1. */
  readonly firstStep: number;
}

/** From the end back until there are steps enough; those that were not replayed give none. */
function newestSegments(places: readonly SegmentPlace[], { segments }: RecordingReport<MemberEvent>): Newest {
  const reports = new Map(segments.map((segment) => [segment.path, segment]));
  const newest: SegmentPlace[] = [];
  let steps = 0;
  let firstStep = 1;
  for (const place of places.toReversed()) {
    if (steps >= stepsMax) break;
    const own = reports.get(place.path);
    if (own === undefined || own.steps === 0) continue;
    firstStep = own.stepsBefore + 1 + Math.max(0, steps + own.steps - stepsMax);
    steps += own.steps;
    newest.unshift(place);
  }
  return { places: newest, steps, skipped: Math.max(0, steps - stepsMax), firstStep };
}

function resultOf(
  { problems, segments }: RecordingReport<MemberEvent>,
  { steps, simulatedUs }: { readonly steps: number; readonly simulatedUs: number },
): RunResult {
  const [problem] = problems;
  return {
    scenario: 'recording',
    seed: 0,
    violation:
      problem === undefined
        ? undefined
        : { invariant: 'replay-equal', site: 'recording', detail: problem, atUs: simulatedUs },
    // Every segment's begins anew.
    hash: segments.findLast(({ hash }) => hash !== '')?.hash ?? '',
    simulatedUs,
    events: steps,
    operations: {
      ...{ answered: 0, refused: 0, failed: 0, unknown: 0 },
      ...{ watchEvents: 0, leasesGranted: 0, leasesExpired: 0, locksHeld: 0 },
    },
    elections: 0,
    snapshotsInstalled: 0,
    faultsFired: {},
    coverage: [],
  };
}

/** Every start has a monotonic clock of its own; the wall clock puts them one behind the other. */
class WallTime {
  #firstMs: number | undefined;
  #offsetUs = 0;
  #lastUs = 0;

  get lastUs(): number {
    return this.#lastUs;
  }

  booted({ begunAt }: SegmentHeader, nowUs: number): void {
    const wallMs = Date.parse(begunAt);
    this.#firstMs ??= wallMs;
    // A wall clock that was set back must not put a start before the end of the one before.
    this.#offsetUs = Math.max((wallMs - this.#firstMs) * 1_000, this.#lastUs) - nowUs;
  }

  of(nowUs: number): number {
    this.#lastUs = Math.max(this.#lastUs, nowUs + this.#offsetUs);
    return this.#lastUs;
  }
}
