/**
 * Builds dist/: the bundles main.js and packet-worker.js, the one native module, which cannot be bundled, a bill of
 * materials, and the command line tool. `--arch amd64 --arch arm64` chooses the machines of the native module
 * (default: this machine). `--out` chooses another folder.
 */
import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { build, type Plugin } from 'esbuild';
import { type Architecture, architectures, copyKoffi, ownArchitecture } from './koffi.ts';
import { billOfMaterials, type Lock, packageOf } from './sbom.ts';

/**
 * Loads Node's modules by `process.getBuiltinModule`. An ES import reads all exports of a module, also the lazy ones:
 * `node:http` then loads a second HTTP client, and `node:process` a line editor. `getBuiltinModule` reads no export,
 * which saves 9 MB in a speaker.
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
 * Leaves out undici. The kubeconfig reader imports this HTTP client for the generated API, which Berth does not use, and
 * undici runs on the newest Node.js only. Without it the tool also runs on older versions.
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
    throw new Error(`unknown architecture ${name}: use one of ${Object.keys(architectures).join(', ')}`);
  return name;
});

await rm(out, { recursive: true, force: true });
const { metafile } = await build({
  metafile: true,
  absWorkingDir: root,
  entryPoints: { main: 'src/main.ts', 'packet-worker': 'src/linux/worker/packet-worker.ts' },
  outdir: out,
  bundle: true,
  // Each role and the kubeconfig reader are separate chunks: a process loads only the code that it runs.
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
  // Some dependencies are CommonJS and load Node's modules by require().
  banner: {
    js: "import { createRequire as __berthRequire } from 'node:module'; const require = __berthRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
const lock = JSON.parse(await readFile(`${root}package-lock.json`, 'utf8')) as Lock;
// The bundle leaves out unused code, so packages without any used code do not count.
const used = Object.values(metafile.outputs).flatMap(({ inputs }) =>
  Object.entries(inputs).flatMap(([file, { bytesInOutput }]) => (bytesInOutput > 0 ? [file] : [])),
);
const bundled = used.flatMap((file) => packageOf(file) ?? []);
const copied = await copyKoffi(root, out, { machines, lock });
await writeFile(`${out}/sbom.json`, billOfMaterials([...bundled, ...copied], lock));
const { version } = JSON.parse(await readFile(`${root}package.json`, 'utf8')) as { version: string };
await writeFile(`${out}/package.json`, `${JSON.stringify({ name: 'berth', version, type: 'module' })}\n`);

// The tool is one file that can be copied anywhere and runs on the Node.js of a workstation.
// CommonJS needs no package.json next to it.
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
