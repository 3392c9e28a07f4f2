/** Builds the cluster's programs from the Go modules that test/lab/tools pins. Each is built once and kept in the cache. */
import { existsSync } from 'node:fs';
import { chmod, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached, cacheFolder, hashOf } from './cache.ts';
import { isThere } from './prerequisites.ts';
import { type Log, seconds } from './progress.ts';
import { mustRun } from './run.ts';

const toolsFolder = join(import.meta.dirname, 'tools');

const programs = [
  'agnhost',
  'etcd',
  'helm',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-proxy',
  'kube-scheduler',
  'kubectl',
  'kubelet',
] as const;

/** Programs that only some tests need. {@link ensureProgram} builds them on request. */
export type TestProgram =
  | 'coredns'
  | 'e2e'
  | 'ginkgo'
  | 'metallb-controller'
  | 'metallb-speaker'
  | 'parsers'
  | 'skipper';

/** The programs whose main function is in the tests of their package. */
const suites: readonly string[] = ['e2e'];

/** The path of each of the cluster's programs. */
export type Binaries = Readonly<Record<(typeof programs)[number], string>>;

/** A program to build: a package of the Go module in `folder`. */
interface Tool {
  readonly name: string;
  readonly goPackage: string;
  readonly folder: string;
  readonly linkerFlags: string;
  /** A hash of everything that the result of the build depends on. */
  readonly key: string;
}

/** Builds the programs that are not in the cache, and returns the path of every program. */
export async function ensureBinaries(log: Log): Promise<Binaries> {
  const tools = (await listTools()).filter(({ name }) => (programs as readonly string[]).includes(name));
  const paths = new Map<string, string>();
  for (const [index, tool] of tools.entries()) {
    paths.set(tool.name, await ensure(tool, log, `${index + 1}/${tools.length}, `));
  }
  const entries = programs.map((name) => {
    const path = paths.get(name);
    if (path === undefined) throw new Error(`no go.mod in ${toolsFolder} has a tool ${name}`);
    return [name, path] as const;
  });
  return Object.fromEntries(entries) as Binaries;
}

/** Builds a program that not every lab has, if it is not in the cache, and returns its path. */
export async function ensureProgram(name: TestProgram, log: Log): Promise<string> {
  const tool = (await listTools()).find((each) => each.name === name);
  if (tool === undefined) throw new Error(`no go.mod in ${toolsFolder} has a tool ${name}`);
  return ensure(tool, log);
}

async function ensure(tool: Tool, log: Log, count = ''): Promise<string> {
  const path = provided(tool.name) ?? join(cacheFolder(), 'bin', tool.key, tool.name);
  if (!existsSync(path)) await build(tool, { path, log, count });
  return path;
}

/** A program in the folder that KUBEBUILDER_ASSETS names (kubebuilder's envtest keeps its programs there). */
function provided(name: string): string | undefined {
  const folder = process.env.KUBEBUILDER_ASSETS;
  const path = folder === undefined ? undefined : join(folder, name);
  return path !== undefined && existsSync(path) ? path : undefined;
}

async function build(tool: Tool, how: { path: string; log: Log; count: string }): Promise<void> {
  how.log(`building ${tool.name} (${how.count}the first build takes minutes)`);
  const begin = performance.now();
  await cached(how.path, async (temporary) => {
    const command = suites.includes(tool.name) ? ['test', '-c'] : ['build'];
    const argv = ['go', ...command, '-trimpath', '-ldflags', tool.linkerFlags, '-o', temporary, tool.goPackage];
    await mustRun(argv, { cwd: tool.folder, env: { CGO_ENABLED: '0' } });
    await chmod(temporary, 0o755);
  });
  how.log(`built ${tool.name} in ${seconds(begin)}`);
}

async function listTools(): Promise<readonly Tool[]> {
  if (!isThere('go'))
    throw new Error('the lab builds Kubernetes with Go: install Go 1.26 or later and put it on the PATH');
  const goVersion = (await mustRun(['go', 'env', 'GOVERSION', 'GOARCH'])).trim();
  const names = (await readdir(toolsFolder)).sort();
  return (await Promise.all(names.map((name) => toolsOf(name, goVersion)))).flat();
}

/** The tools of one module. If a module has one tool only, its name is that of the folder: Go would call etcd "v3". */
async function toolsOf(module: string, goVersion: string): Promise<readonly Tool[]> {
  const folder = join(toolsFolder, module);
  const goMod = await readFile(join(folder, 'go.mod'), 'utf8');
  const goSum = await readFile(join(folder, 'go.sum'), 'utf8');
  const sources = (await readdir(folder)).filter((name) => name.endsWith('.go')).sort();
  const code = await Promise.all(sources.map((name) => readFile(join(folder, name), 'utf8')));
  const linkerFlags = linkerFlagsFor(goMod);
  const key = hashOf(goMod, goSum, linkerFlags, goVersion, ...code);
  const goPackages = toolPackages(goMod);
  return goPackages.map((goPackage) => {
    const last = goPackage.slice(goPackage.lastIndexOf('/') + 1);
    return { name: goPackages.length === 1 ? module : last, goPackage, folder, linkerFlags, key };
  });
}

/** The packages of the `tool` directives, in both forms (go.dev/ref/mod#go-mod-file-tool). */
function toolPackages(goMod: string): readonly string[] {
  const block = /^tool \(\n([\s\S]*?)^\)/m.exec(goMod)?.[1]?.split('\n') ?? [];
  const lines = [...goMod.matchAll(/^tool ([^\s(]+)$/gm)].map((match) => match[1] ?? '');
  return [...block.map((line) => line.trim()), ...lines].filter((line) => line !== '');
}

/** Flags that set the version. Without them the API server reports version v0.0.0, and clients do not accept that. */
function linkerFlagsFor(goMod: string): string {
  const version = /^\s*(?:require )?k8s\.io\/kubernetes (v(\d+)\.(\d+)\S*)/m.exec(goMod);
  if (version === null) return '-s -w';
  const variable = 'k8s.io/component-base/version.';
  const [, full, major, minor] = version;
  return `-s -w -X ${variable}gitVersion=${full} -X ${variable}gitMajor=${major} -X ${variable}gitMinor=${minor}`;
}
