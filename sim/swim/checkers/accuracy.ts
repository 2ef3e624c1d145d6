import { Violation } from '../../types.ts';
import { processNamed, type SwimChecker, type SwimGroup, type SwimStep } from '../checker.ts';
import { suspicionMaxUs } from '../plan.ts';

/**
 * Accuracy, as far as it can be promised: a member that runs, is not slow and can be reached by all is not declared dead, nor
 * said to have left, by one of which the same is true, whatever datagrams are lost and however slow a third may be. Undisturbed is
 * who was so for the longest suspicion and ten periods.
 *
 * Where datagrams are lost by chance this is a bet and no theorem: no loss is so small that every refutation must arrive. Up to a
 * fifth lost, in groups of up to a dozen, no run has shown a false death; beyond it they are allowed for.
 *
 * Not verified: suspicions, which are free; what disturbed members say.
 */
export class SwimAccuracy implements SwimChecker {
  readonly name = 'swim-accuracy';

  onStep({ nowUs, process, effects, group }: SwimStep): void {
    for (const effect of effects) {
      if (effect.kind !== 'memberChanged') continue;
      const { change, member } = effect;
      if (change !== 'died' && change !== 'left') continue;
      const accused = processNamed(group, member.name);
      if (accused?.machine === undefined || accused.machine.self.state === 'left') continue;
      const quietUs = quietTimeUs(group);
      const fromUs = nowUs - quietUs;
      const calm = [process, accused].every(({ node, sinceUs }) => {
        return sinceUs <= fromUs && !group.disturbed(node, fromUs, nowUs);
      });
      if (!calm) continue;
      throw new Violation(
        this.name,
        `${process.name} takes ${member.name} for ${member.state} in incarnation ${member.incarnation}, ` +
          `which runs undisturbed for ${quietUs} µs and more`,
      );
    }
  }
}

function quietTimeUs({ options, processes }: SwimGroup): number {
  return suspicionMaxUs(options, processes.length) + 10 * options.probeIntervalUs;
}
