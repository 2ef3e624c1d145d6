import { type Backup } from './backup.ts';

/** The backups of a run: those that are whole, and how many came to nothing. */
export class BackupLog {
  readonly #backups: Backup[] = [];
  #broken = 0;

  get backups(): readonly Backup[] {
    return this.#backups;
  }

  /** Downloads that a member had begun to serve, and that broke off. */
  get broken(): number {
    return this.#broken;
  }

  taken(backup: Backup): void {
    this.#backups.push(backup);
  }

  brokenOff(): void {
    this.#broken += 1;
  }
}
