import { type ProjectName } from './types.ts';

/** What a storage node calls a project's shared disk: projects name theirs without regard to each other. */
export function sharedDiskName(project: ProjectName, disk: string): string {
  return `${project}/${disk}`;
}
