/** The image that Kubernetes' suite runs its Pods from: agnhost with the programs that its tests run by a shell, and CoreDNS. */
import { cp } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ensureBinaries, ensureProgram } from '../lab/binaries.ts';
import { exportImage } from '../lab/buildah.ts';
import { cached, hashOf, hashOfFile, keepNewest } from '../lab/cache.ts';
import type { Lab } from '../lab/cluster.ts';
import { buildLines, debianSuite, imagePath, inContext, writeDebian } from '../lab/images.ts';
import { type Log, phase } from '../lab/progress.ts';
import { mustRun } from '../lab/run.ts';

/** Beyond Debian's essential ones: what the tests call in `kubectl exec`. */
const packages = 'curl,netcat-openbsd';

/** The images of the suite that its tests of LoadBalancers use: agnhost, and a container that only waits. */
const wanted = /^registry\.k8s\.io\/(e2e-test-images\/agnhost|pause):/;

/** Makes the image and gives it to every node, under the names that the suite asks for. Gives agnhost's. */
export async function loadImage(lab: Lab, suite: string, log: Log): Promise<string> {
  const names = (await mustRun([suite, '--list-images'])).split('\n').filter((line) => wanted.test(line));
  const agnhost = names.find((name) => name.includes('agnhost'));
  if (agnhost === undefined) throw new Error(`${suite} names no image agnhost`);
  await lab.loadImage(await ensureImage(agnhost, log));
  const others = names.filter((name) => name !== agnhost);
  for (const node of lab.nodes) {
    for (const other of others) {
      const tag = ['ctr', '--namespace', 'k8s.io', 'images', 'tag', '--force', agnhost, other];
      const { code, stderr } = await node.exec(tag);
      if (code !== 0) throw new Error(`${tag.join(' ')} on ${node.name}: ${stderr}`);
    }
  }
  return agnhost;
}

async function ensureImage(name: string, log: Log): Promise<string> {
  const { agnhost } = await ensureBinaries(log);
  const coredns = await ensureProgram('coredns', log);
  const hashes = await Promise.all([agnhost, coredns].map(hashOfFile));
  const archive = imagePath(`conformance-${hashOf(name, packages, await debianSuite(), ...hashes)}.tar`);
  const lines = [
    'FROM scratch',
    'ADD root.tar /',
    'COPY agnhost coredns /',
    'ENTRYPOINT ["/agnhost"]',
    'CMD ["pause"]',
  ];
  await phase(log, `image ${name}`, () =>
    cached(archive, (temporary) =>
      inContext(temporary, async (context) => {
        await writeDebian(join(context, 'root.tar'), packages);
        await cp(agnhost, join(context, 'agnhost'));
        await cp(coredns, join(context, 'coredns'));
        await buildLines(context, lines, name);
        await exportImage(name, temporary);
      }),
    ),
  );
  await keepNewest(dirname(archive), 'conformance-', 1);
  return archive;
}
