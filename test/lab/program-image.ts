/** Images that only some tests need: a few programs, alone or on a small Debian. */
import { cp } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { exportImage } from './buildah.ts';
import { cached, hashOf, hashOfFile, keepNewest } from './cache.ts';
import { buildLines, debianSuite, imagePath, inContext, writeDebian } from './images.ts';
import { type Log, phase } from './progress.ts';

/** The parts of an image. */
export interface ProgramImage {
  /** The name of the image in the spec of Pods. */
  readonly image: string;
  /** Files for the root folder of the image. The first one is its entrypoint. */
  readonly programs: readonly string[];
  /** The arguments of the entrypoint if a Pod gives none. */
  readonly args: readonly string[];
  /**
   * Debian packages besides the essential ones, and a shell command to run in the Debian that has them. Without this
   * field, the image contains only the programs.
   */
  readonly debian?: { readonly packages: readonly string[]; readonly command?: string };
}

/** Builds the image if it is not in the cache, and returns its archive for `Lab.loadImage`. */
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
