/**
 * Bundles Berth into dist/: main.js, the packet worker, and the one native module, which cannot be bundled, for this machine or for those that
 * `--arch` names (`--arch amd64 --arch arm64`); a bill of materials; and the command line tool. `--out` names another folder.
 */
import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { build, type Plugin } from 'esbuild';
import { type Architecture, architectures, copyKoffi, ownArchitecture } from './koffi.ts';
import { billOfMaterials, type Lock, packageOf } from './sbom.ts';

/**
 * An ES import of one of Node's modules reads all of its exports, the lazy ones too: `node:http` brings a whole second HTTP client,
 * `node:process` a line editor. Asking for the module itself reads nothing: 9 MB less in a speaker.
 */
const lazyBuiltins: Plugin = {
  name: 'lazy-builtins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: 'builtin' }));
    onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
  },
};

/**
 * The kubeconfig reader brings an HTTP client that it needs for the generated API, which we do not use, and which runs on the newest Node.js
 * only. The tool runs on older ones, without it.
 */
const withoutUndici: Plugin = {
  name: 'without-undici',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^undici$/ }, ({ path }) => ({ path, namespace: 'left-out' }));
    onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({ contents: 'module.exports = {};' }));
  },
};

const root = new URL('..', import.meta.url).pathname;
const { values } = parseArgs({ options: { arch: { type: 'string', multiple: true }, out: { type: 'string' } } });
const out = values.out === undefined ? `${root}dist` : resolve(values.out);
const machines = (values.arch ?? [ownArchitecture()]).map((name) => {
  if (!isArchitecture(name))
    throw new Error(`no architecture ${name}: there are ${Object.keys(architectures).join(', ')}`);
  return name;
});

await rm(out, { recursive: true, force: true });
const { metafile } = await build({
  metafile: true,
  absWorkingDir: root,
  entryPoints: { main: 'src/main.ts', 'packet-worker': 'src/linux/worker/packet-worker.ts' },
  outdir: out,
  bundle: true,
  // Roles and the kubeconfig reader are chunks of their own: a process loads only what it runs.
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node26',
  minifySyntax: true,
  minifyWhitespace: true,
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'linked',
  external: ['koffi'],
  plugins: [lazyBuiltins],
  // Some dependencies are CommonJS and ask for Node's modules by require().
  banner: {
    js: "import { createRequire as __berthRequire } from 'node:module'; const require = __berthRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
const lock = JSON.parse(await readFile(`${root}package-lock.json`, 'utf8')) as Lock;
// What nothing uses is left out of the bundle: it is no part of it.
const used = Object.values(metafile.outputs).flatMap(({ inputs }) =>
  Object.entries(inputs).flatMap(([file, { bytesInOutput }]) => (bytesInOutput > 0 ? [file] : [])),
);
const bundled = used.flatMap((file) => packageOf(file) ?? []);
const copied = await copyKoffi(root, out, { machines, lock });
await writeFile(`${out}/sbom.json`, billOfMaterials([...bundled, ...copied], lock));
const { version } = JSON.parse(await readFile(`${root}package.json`, 'utf8')) as { version: string };
await writeFile(`${out}/package.json`, `${JSON.stringify({ name: 'berth', version, type: 'module' })}\n`);

// The tool is one file that runs wherever it is copied to, with whatever Node.js a workstation has: CommonJS needs no package.json beside it.
await build({
  absWorkingDir: root,
  entryPoints: { 'kubectl-berth': 'src/kubectl-berth.ts' },
  outfile: `${out}/cli/kubectl-berth`,
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'eof',
  define: { berthVersion: JSON.stringify(version) },
  plugins: [withoutUndici],
  logLevel: 'warning',
});
await writeFile(`${out}/cli/package.json`, `${JSON.stringify({ name: 'kubectl-berth', version, type: 'commonjs' })}\n`);
await chmod(`${out}/cli/kubectl-berth`, 0o755);

function isArchitecture(text: string): text is Architecture {
  return Object.hasOwn(architectures, text);
}
