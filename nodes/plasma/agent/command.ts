import { type Command } from 'commander';

import { processCommand } from '../process-command.ts';
import { serveAgent } from './serve.ts';
import { agentSchema } from './settings.ts';

export function agentCommand(): Command {
  return processCommand({
    name: 'agent',
    about: 'run the agent of a compute node, which drives its hypervisors',
    schema: agentSchema,
    examples: [
      'photon plasma agent --name n1 --data-dir ./data/n1',
      'photon plasma agent --name n2 --data-dir ./data/n2 --servers 10.0.0.1:7070,10.0.0.2:7070 \\',
      '  --listen 10.0.0.5:7071 --cert-file n2.crt --key-file n2.key --trusted-ca-file ca.crt',
      'photon plasma agent --config /etc/photon/plasma-agent.toml --on-stop kill',
    ],
    serve: serveAgent,
  });
}
