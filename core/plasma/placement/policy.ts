/**
 * Which of the nodes that will do is taken.
 *
 * `pack`: keeps nodes empty for as long as possible. `first-fit`: the first by name. `best-fit`: the one with the least room
 * left. `dot-product`: the one whose room has the shape of what is asked. `spread`: the one with the most room left.
 */
export const placementPolicies = ['pack', 'first-fit', 'best-fit', 'dot-product', 'spread'] as const;
export type PlacementPolicy = (typeof placementPolicies)[number];
