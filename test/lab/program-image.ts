/** Images that only some tests need: a few programs, on nothing or on a small Debian. */
import { cp } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { exportImage } from './buildah.ts';
import { cached, hashOf, hashOfFile, keepNewest } from './cache.ts';
import { buildLines, debianSuite, imagePath, inContext, writeDebian } from './images.ts';
import { type Log, phase } from './progress.ts';

/** What an image is made of. */
export interface ProgramImage {
  /** The name that Pods ask for. */
  readonly image: string;
  /** Files that go into the image's root; the first one is what it runs. */
  readonly programs: readonly string[];
  /** Arguments of that when a Pod gives none. */
  readonly args: readonly string[];
  /**
   * Debian packages beyond the essential ones, and a shell command that runs in the Debian that has them. Without it,
   * nothing but the programs is in the image.
   */
  readonly debian?: { readonly packages: readonly string[]; readonly command?: string };
}

/** Makes the image if it is not in the cache, and gives its archive, for `Lab.loadImage`. */
export async function ensureProgramImage(parts: ProgramImage, log: Log): Promise<string> {
  const { image, programs, args, debian } = parts;
  const names = programs.map((path) => basename(path));
  const root = debian === undefined ? [] : ['ADD root.tar /'];
  const entry = [`ENTRYPOINT ["/${names[0]}"]`, `CMD ${JSON.stringify(args)}`];
  const lines = ['FROM scratch', ...root, `COPY ${names.join(' ')} /`, ...entry];
  const content = [...(await Promise.all(programs.map(hashOfFile))), JSON.stringify(debian ?? ''), await debianSuite()];
  const prefix = `${image.replaceAll(/[^a-z]+/g, '-')}-`;
  const archive = imagePath(`${prefix}${hashOf(...lines, ...content)}.tar`);
  await phase(log, `image ${image}`, () =>
    cached(archive, (temporary) =>
      inContext(temporary, async (context) => {
        if (debian !== undefined) {
          await writeDebian(join(context, 'root.tar'), debian.packages.join(','), debian.command);
        }
        for (const path of programs) await cp(path, join(context, basename(path)));
        await buildLines(context, lines, image);
        await exportImage(image, temporary);
      }),
    ),
  );
  await keepNewest(dirname(archive), prefix, 1);
  return archive;
}
