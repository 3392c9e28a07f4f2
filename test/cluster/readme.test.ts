/** The README's installation, word for word. Only the image and the addresses are replaced by those of the lab. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { eventually } from '../lab/poll.ts';
import * as berth from './berth.ts';

const lab = berth.sharedLab();
const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const root = new URL('../..', import.meta.url).pathname;

/** The README's commands of one program, as their arguments. Continued lines are joined, and comments are removed. */
function commands(program: string): readonly string[][] {
  const blocks = [...readme.matchAll(/^```\n(.*?)^```/gms)].map(([, block = '']) => block.replaceAll('\\\n', ' '));
  const lines = blocks.flatMap((block) => block.split('\n')).filter((line) => line.startsWith(`${program} `));
  return lines.map((line) => line.replace(/ #.*/, '').replaceAll("'", '').trim().split(/\s+/).slice(1));
}

after(async () => {
  await lab.api.delete('deployments', 'web');
  await berth.cleanUp(lab);
});

test('the commands of the README install Berth and expose a Service', async () => {
  await berth.uninstallBerth(lab);
  // The README creates a Deployment of this name.
  await lab.api.delete('deployments', 'web');
  const [install = []] = commands('helm');
  assert.equal(install[0], 'install');
  const here = install.map((word) =>
    word.replace('charts/berth', `${root}charts/berth`).replace(/192[\d.]+-192[\d.]+/, lab.subnet.vips),
  );
  await lab.helm([...here, '--set', 'image.repository=localhost/berth,image.tag=lab,image.pullPolicy=Never']);
  const [create = [], expose = [], get = []] = commands('kubectl');
  const image = ['--image=localhost/agnhost:lab', '--', '/agnhost', 'netexec', '--http-port=80'];
  await lab.kubectl(
    create.flatMap((word) => (word.startsWith('--image=') ? image.slice(0, 1) : [word])).concat(image.slice(1)),
  );
  await lab.kubectl(expose);
  const vip = await berth.addressOf(lab, 'web');
  assert.match(await lab.kubectl(get), new RegExp(`LoadBalancer .* ${vip} `));
  assert.match(await eventually('an answer', () => berth.curl(lab, vip)), /^web-/);
});

test('the pool and the L2Advertisement of the README are accepted', async () => {
  const [, manifest = assert.fail()] = /^```yaml\n(.*?)^```/ms.exec(readme) ?? [];
  await lab.kubectl(['apply', '--dry-run=server', '--filename', '-'], { input: manifest });
});
