/** The image that Kubernetes' suite runs its Pods from: agnhost with the programs that its tests run by a shell, and CoreDNS. */
import { ensureBinaries, ensureProgram } from '../lab/binaries.ts';
import type { Lab } from '../lab/cluster.ts';
import { ensureProgramImage } from '../lab/program-image.ts';
import type { Log } from '../lab/progress.ts';
import { mustRun } from '../lab/run.ts';

/**
 * What the tests call in `kubectl exec`. They count on a wget that gives up after its first attempt, as Busybox's does:
 * GNU's tries twenty times.
 */
const debian = { packages: ['curl', 'netcat-openbsd', 'wget'], command: 'echo tries = 1 >>/etc/wgetrc' };

/** The images of the suite that its tests of LoadBalancers use: agnhost, and a container that only waits. */
const wanted = /^registry\.k8s\.io\/(e2e-test-images\/agnhost|pause):/;

/** Our own name of the image. */
const image = 'localhost/agnhost:conformance';

/** Makes the image and gives it to every node, under the names that the suite asks for, too. Gives its name. */
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
