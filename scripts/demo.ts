/** The main job, narrated, on a real cluster: pool, Service, address, ARP, curl. `-- --keep` leaves the cluster. */
import { Command } from 'commander';
import { downLab, downOnInterrupt, eventually, type Lab, type LabHost, upLab } from '../test/lab/cluster.ts';

const { keep, proxyMode } = new Command('npm run demo --')
  .description('bring a real cluster up, install Berth, expose a Deployment and curl it')
  .option('--keep', 'leave the cluster running at the end')
  .option('--proxy-mode <mode>', 'kube-proxy mode: iptables or nftables', 'iptables')
  .parse()
  .opts<{ keep?: boolean; proxyMode: 'iptables' | 'nftables' }>();

const id = 'demo';
const chart = new URL('../charts/berth', import.meta.url).pathname;

downOnInterrupt(id);
try {
  step('A cluster: a control plane, three nodes and a client host on one network');
  // One that an earlier run has left.
  await downLab(id);
  const lab = await upLab({ id, nodes: 3, proxyMode, log: (line) => console.log(`  ${line}`) });
  await showCluster(lab);
  await install(lab);
  const vip = await expose(lab);
  await showPath(lab, vip);
  step(`Done: http://${vip}/ is served`);
  if (keep) tellHowToUse(vip);
} catch (error) {
  console.error(`\nThe demo failed: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  if (!keep) await downLab(id);
}

async function showCluster(lab: Lab): Promise<void> {
  await kubectl(lab, 'get nodes -o wide');
}

async function install(lab: Lab): Promise<void> {
  step('Berth, by its chart');
  console.log('  building the image, loading it into the nodes');
  await lab.buildBerth();
  const image = '--set image.repository=localhost/berth,image.tag=lab,image.pullPolicy=Never';
  const args = `install berth ${chart} --namespace berth-system --create-namespace ${image} --wait`;
  show('helm', args.replace(chart, 'charts/berth'));
  await lab.helm(args.split(' '));
  await kubectl(lab, '-n berth-system get pods -o wide');
}

async function expose(lab: Lab): Promise<string> {
  step('A pool, and where it is announced');
  await apply(
    lab,
    `apiVersion: berth.dev/v1beta1
kind: IPAddressPool
metadata: { name: default }
spec: { addresses: ["${lab.subnet.vips}"] }
---
apiVersion: berth.dev/v1beta1
kind: L2Advertisement
metadata: { name: default }`,
  );
  step('Three backends behind a Service of type LoadBalancer');
  await kubectl(
    lab,
    'create deployment web --image=localhost/agnhost:lab --replicas=3 --port=8080 -- /agnhost netexec',
  );
  await kubectl(lab, 'rollout status deployment/web --timeout=90s');
  await kubectl(lab, 'expose deployment web --type=LoadBalancer --port=80 --target-port=8080');
  const vip = await eventually(
    'an address',
    async () =>
      (await lab.kubectl(['get', 'service', 'web', '-o', 'jsonpath={.status.loadBalancer.ingress[0].ip}'])) ||
      undefined,
  );
  await kubectl(lab, 'get service web');
  await kubectl(lab, 'get ipallocations');
  return vip;
}

async function showPath(lab: Lab, vip: string): Promise<void> {
  step('The client host asks for it');
  const curl = ['curl', '-sS', '-i', '--max-time', '2', `http://${vip}/hostname`];
  const answer = await eventually('HTTP 200 through the VIP', async () => {
    const { stdout } = await lab.client.exec(curl);
    return stdout.startsWith('HTTP/1.1 200') ? stdout : undefined;
  });
  show('client', curl.join(' '), answer);
  const neighbor = await onHost(lab.client, ['ip', 'neigh', 'show', vip]);
  const holder = lab.nodes.find(({ mac }) => neighbor.includes(mac));
  if (holder === undefined) throw new Error(`the MAC that answered is no node's: ${neighbor}`);
  console.log(`\n  That MAC is ${holder.name}'s: it holds the VIP. Its kube-proxy takes the packet from there:\n`);
  if (proxyMode === 'nftables') await onHost(holder, ['sh', '-c', `nft list table ip kube-proxy | grep -A3 '${vip}'`]);
  else await onHost(holder, ['sh', '-c', `iptables -t nat -S KUBE-SERVICES | grep -w ${vip}`]);
}

function tellHowToUse(vip: string): void {
  console.log(`
  The cluster is still there. Use it, and take it down when you have seen enough:

    npm run lab -- exec --id ${id} client -- curl -s http://${vip}/hostname
    npm run lab -- exec --id ${id} control-plane -- kubectl get services
    npm run lab -- down --id ${id}`);
}

function step(title: string): void {
  console.log(`\n# ${title}\n`);
}

/** Prints a command and what it said. */
function show(who: string, command: string, output = ''): void {
  console.log(`  ${who}$ ${command}`);
  for (const line of output.trimEnd().split('\n')) if (line !== '') console.log(`    ${line}`);
}

async function kubectl(lab: Lab, command: string): Promise<void> {
  show('kubectl', command, await lab.kubectl(command.split(' ')));
}

async function apply(lab: Lab, manifest: string): Promise<void> {
  show('kubectl', 'apply -f -', manifest);
  show('kubectl', 'apply -f -', await lab.kubectl(['apply', '--filename', '-'], { input: manifest }));
}

async function onHost(host: LabHost, argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await host.exec(argv);
  show(host.name, argv.at(0) === 'sh' ? (argv.at(-1) ?? '') : argv.join(' '), stdout + stderr);
  if (code !== 0) throw new Error(`${argv.join(' ')} on ${host.name} ended with ${code}`);
  return stdout;
}
