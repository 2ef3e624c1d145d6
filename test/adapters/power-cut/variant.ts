/** How the process that loses its power is built: as it ships, or with one of two classic bugs, to see them caught. */
export type Variant = 'whole' | 'repliesBeforeSync' | 'syncEndsEarly';
