/** Puts the lab's client into another network than the nodes, as the suite expects. */
import type { Lab, LabHost } from '../lab/cluster.ts';

/** From a range for documentation (RFC 5737): no lab uses it. */
const clientAddress = '198.51.100.1';

/**
 * "LoadBalancers ExternalTrafficPolicy: Local" takes an address of the nodes' own /16 as proof that
 * the source was masqueraded. So the client sends from an address outside of it.
 */
export async function moveClientOut(lab: Lab): Promise<void> {
  const network = lab.client.ip.replace(/\.\d+\.\d+$/, '.0.0/16');
  await mustExec(lab.client, ['ip', 'address', 'replace', `${clientAddress}/32`, 'dev', lab.client.link]);
  await mustExec(lab.client, ['ip', 'route', 'replace', network, 'dev', lab.client.link, 'src', clientAddress]);
  for (const host of [...lab.nodes, lab.controlPlane]) {
    await mustExec(host, ['ip', 'route', 'replace', `${clientAddress}/32`, 'dev', host.link]);
  }
}

async function mustExec(host: LabHost, argv: readonly string[]): Promise<void> {
  const { code, stderr } = await host.exec(argv);
  if (code !== 0) throw new Error(`${argv.join(' ')} on ${host.name}: ${stderr}`);
}
