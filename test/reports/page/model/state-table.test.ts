import { expect, test } from 'vitest';

import { stateTable } from '../../../../reports/page/model/state-table.ts';
import { type NodeState } from '../../../../reports/evidence/types.ts';
import { one, two } from '../hand-made.ts';

function raft(node: typeof one, fields: readonly (readonly [string, string])[]): NodeState {
  return { node, sections: [{ name: 'raft', fields }] };
}

test('nodes stand side by side; what the step changed is marked, what only time changed is not', () => {
  const before = [
    raft(one, [
      ['term', '1'],
      ['own clock', '5'],
    ]),
    raft(two, [['term', '1']]),
  ];
  const after = [
    raft(one, [
      ['term', '2'],
      ['own clock', '9'],
    ]),
    raft(two, [['term', '1']]),
  ];
  const table = stateTable(after, before);
  expect(table.nodes).toEqual([one, two]);
  expect(table.sections).toEqual([
    {
      name: 'raft',
      rows: [
        {
          field: 'term',
          cells: [
            { text: '2', changed: true },
            { text: '1', changed: false },
          ],
        },
        {
          field: 'own clock',
          cells: [
            { text: '9', changed: false },
            { text: undefined, changed: false },
          ],
        },
      ],
    },
  ]);
});

test('where the state before is not known nothing counts as changed', () => {
  const [section] = stateTable([raft(one, [['term', '2']])], undefined).sections;
  expect(section?.rows[0]?.cells).toEqual([{ text: '2', changed: false }]);
});
