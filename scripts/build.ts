/** Bundles Berth into dist/: main.js, the packet worker, and the one native module, which cannot be bundled; and the command line tool. */
import { chmod, cp, glob, readFile, rm, writeFile } from 'node:fs/promises';
import { build, type Plugin } from 'esbuild';

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
const out = `${root}dist`;

await rm(out, { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: { main: 'src/main.ts', 'packet-worker': 'src/linux/packet-worker.ts' },
  outdir: 'dist',
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
await copyModule('koffi');
const { version } = JSON.parse(await readFile(`${root}package.json`, 'utf8')) as { version: string };
await writeFile(`${out}/package.json`, `${JSON.stringify({ name: 'berth', version, type: 'module' })}\n`);

// The tool is one file that runs wherever it is copied to, with whatever Node.js a workstation has: CommonJS needs no package.json beside it.
await build({
  absWorkingDir: root,
  entryPoints: { 'kubectl-berth': 'src/kubectl-berth.ts' },
  outfile: 'dist/cli/kubectl-berth',
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  define: { berthVersion: JSON.stringify(version) },
  plugins: [withoutUndici],
  logLevel: 'warning',
});
await writeFile(`${out}/cli/package.json`, `${JSON.stringify({ name: 'kubectl-berth', version, type: 'commonjs' })}\n`);
await chmod(`${out}/cli/kubectl-berth`, 0o755);

/** Copies what an installed module loads at run time, and the prebuilt binary that npm chose for this machine. */
async function copyModule(name: string): Promise<void> {
  const manifest = await readFile(`${root}node_modules/${name}/package.json`, 'utf8');
  const { optionalDependencies = {} } = JSON.parse(manifest) as { optionalDependencies?: Record<string, string> };
  for (const module of [name, ...Object.keys(optionalDependencies)]) {
    const from = `${root}node_modules/${module}`;
    // The image has glibc; cnoke builds the module where no binary fits.
    const options = { cwd: from, exclude: ['**/musl_*/**', 'cnoke.cjs'] };
    for await (const file of glob('{package.json,LICENSE*,**/*.{js,cjs,node}}', options)) {
      await cp(`${from}/${file}`, `${out}/node_modules/${module}/${file}`);
    }
  }
}
