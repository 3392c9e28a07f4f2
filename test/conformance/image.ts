/** The image of the suite's Pods: agnhost, the programs that the suite's tests run in a shell, and CoreDNS. */
import { ensureBinaries, ensureProgram } from '../lab/binaries.ts';
import type { Lab } from '../lab/cluster.ts';
import { ensureProgramImage } from '../lab/program-image.ts';
import type { Log } from '../lab/progress.ts';
import { mustRun } from '../lab/run.ts';

/**
 * Programs that the tests run by `kubectl exec`. The tests rely on a wget that gives up after one
 * attempt, as Busybox's does. GNU's wget tries twenty times by default.
 */
const debian = { packages: ['curl', 'netcat-openbsd', 'wget'], command: 'echo tries = 1 >>/etc/wgetrc' };

/** The images that the suite's tests of LoadBalancers use: agnhost, and a container that only waits. */
const wanted = /^registry\.k8s\.io\/(e2e-test-images\/agnhost|pause):/;

/** The name of our image. */
const image = 'localhost/agnhost:conformance';

/** Builds the image and loads it on every node, also under the names that the suite uses. Gives its name. */
export async function loadImage(lab: Lab, suite: string, log: Log): Promise<string> {
  const names = (await mustRun([suite, '--list-images'])).split('\n').filter((line) => wanted.test(line));
  if (names.length === 0) throw new Error(`${suite} asks for no image that matches ${wanted}`);
  await lab.loadImage(await ensureImage(log));
  for (const node of lab.nodes) {
    const tag = ['ctr', '--namespace', 'k8s.io', 'images', 'tag', '--force', image, ...names];
    const { code, stderr } = await node.exec(tag);
    if (code !== 0) throw new Error(`${tag.join(' ')} on ${node.name}: ${stderr}`);
  }
  return image;
}

async function ensureImage(log: Log): Promise<string> {
  const { agnhost } = await ensureBinaries(log);
  const programs = [agnhost, await ensureProgram('coredns', log)];
  return ensureProgramImage({ image, programs, args: ['pause'], debian }, log);
}
