import { type CrashMoment } from './fault.ts';

interface CrashPlan {
  readonly moment: CrashMoment;
  readonly strike: () => void;
}

/** Crashes that wait for a moment of their process, the oldest first. */
export class CrashPlans {
  #plans: readonly CrashPlan[] = [];

  /** @returns takes the plan back */
  add(moment: CrashMoment, strike: () => void): () => void {
    const plan = { moment, strike };
    this.#plans = [...this.#plans, plan];
    return () => {
      this.#drop(plan);
    };
  }

  /** The moment has come: carries out the first plan for it. @returns false when there is none */
  strike(moment: CrashMoment): boolean {
    const plan = this.#plans.find((candidate) => candidate.moment === moment);
    if (plan === undefined) return false;
    this.#drop(plan);
    plan.strike();
    return true;
  }

  #drop(plan: CrashPlan): void {
    this.#plans = this.#plans.filter((other) => other !== plan);
  }
}
