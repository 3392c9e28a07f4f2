/** Makes the lab's client a host of another network than the nodes', as the suite takes it to be. */
import type { Lab, LabHost } from '../lab/cluster.ts';

/** Of a range for documentation (RFC 5737): no lab uses it. */
const clientAddress = '198.51.100.1';

/**
 * "LoadBalancers ExternalTrafficPolicy: Local" takes an address of the nodes' own /16 for a sign that the source was
 * masqueraded: the client asks from an address outside of it.
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
