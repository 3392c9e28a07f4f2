/** Bundles Berth into dist/: main.js, the packet worker, and the one native module, which cannot be bundled. */
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
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

/** Copies an installed module and the prebuilt binary that npm chose for this machine. */
async function copyModule(name: string): Promise<void> {
  const { optionalDependencies = {} } = JSON.parse(
    await readFile(`${root}node_modules/${name}/package.json`, 'utf8'),
  ) as {
    optionalDependencies?: Record<string, string>;
  };
  await mkdir(`${out}/node_modules`, { recursive: true });
  for (const module of [name, ...Object.keys(optionalDependencies)]) {
    const from = `${root}node_modules/${module}`;
    await cp(from, `${out}/node_modules/${module}`, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }
}
