/** The prober's process: it runs on the client, probes a VIP in three ways, and reports the results to its owner. */
import { setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import { attempt } from './attempts.ts';
import { EchoConnections } from './echoes.ts';
import { Questions } from './questions.ts';
import { type Command, now, type ProbeOrder, pace, type Told } from './told.ts';

/** Nearly the highest priority, see sched(7): the work of busy nodes must not make the prober wait. */
const priority = -15;
/** Timers are sometimes this late, and nothing is missed. */
const absentMs = 60;

const order: ProbeOrder = JSON.parse(process.argv[2] ?? '{}');
const tell = (told: Told) => process.stdout.write(`${JSON.stringify(told)}\n`);

setPriority(priority);
const echoes = new EchoConnections(order);
const questions = new Questions(order);
let turnedAt = now();
setInterval(() => {
  const at = now();
  if (at - turnedAt > absentMs) tell({ kind: 'absence', at: turnedAt, ms: at - turnedAt });
  turnedAt = at;
  attempt(order, tell);
}, pace.attemptMs);
setInterval(() => questions.ask(tell), pace.questionMs);
createInterface({ input: process.stdin }).on('line', (line) => {
  const command = JSON.parse(line) as Command;
  if (command.do === 'open') echoes.open(command.count);
  tell(echoes.count());
});
// The owner of this process has ended.
process.stdin.on('close', () => process.exit());
process.stdout.on('error', () => process.exit());
tell({ kind: 'ready' });
