/**
 * `explain`: shows why a Service has its address or none, why that node holds it, and what to do about each
 * problem.
 */
import type { ServiceView } from '../../api/service.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { readEvaluationOnly } from '../cluster/evaluation.ts';
import type { CommandSpec } from '../command.ts';
import type { Answer } from '../output/answer.ts';
import type { Colors } from '../output/colors.ts';
import { exits, type Failure, Forbidden, misused, wrong } from '../output/failure.ts';
import { nodeVerdictText, poolVerdictText } from '../output/reason-text.ts';
import { renderTable, type TableStyle } from '../output/table.ts';
import { explainFacts } from './explain-facts.ts';
import { explainLimited } from './explain-limited.ts';
import type { ExplainedVip, ExplainFacts } from './explained.ts';

/** The command. */
export const explainCommand: CommandSpec = {
  name: 'explain',
  summary: 'show why a Service has its address or none, which node holds it, and what to do about problems',
  description:
    'Shows the verdict on each pool and each node for a Service, the way of its packets, and for each problem what to do.\nStatus 1: there is a problem.',
  args: [{ name: '<service>', what: 'svc/NAME, or NAME', completes: 'service' }],
  examples: [
    ['kubectl berth explain svc/web', 'why the Service web has this address, or none'],
    ['kubectl berth explain svc/web -n shop -o yaml', 'the same for a program, for a Service of the namespace shop'],
  ],
  run: async (session, { args }) => {
    const name = serviceName(args[0] ?? '');
    const key = `${await session.namespace()}/${name}`;
    try {
      const evaluation = await readEvaluationOnly(session);
      return explainAnswer(explainFacts(evaluation, findService(evaluation.cluster, key)), evaluation.cluster.now);
    } catch (error) {
      // Most users may read their own namespace only.
      if (error instanceof Forbidden) return explainLimited(session, key, error.message);
      throw error;
    }
  },
};

/** Parses `svc/NAME` or `NAME`, in the forms that kubectl accepts. */
export function serviceName(text: string): string {
  const found = /^(?:(?:svc|services?)\/)?([a-z0-9]([-a-z0-9.]*[a-z0-9])?)$/i.exec(text)?.[1];
  if (found === undefined) throw misused(`"${text}" is not the name of a Service`, 'write svc/NAME, and -n NAMESPACE');
  return found;
}

/** Finds a Service of type LoadBalancer. Throws a Failure with a hint if there is none. */
function findService({ services }: Cluster, key: string): ServiceView {
  const service = services.find((one) => one.key === key);
  if (service === undefined) throw noSuchService(services, key);
  if (!service.isLoadBalancer) {
    throw wrong(`Service ${key} is not of type LoadBalancer, or is being deleted: Berth does not serve it`);
  }
  return service;
}

function noSuchService(services: readonly ServiceView[], key: string): Failure {
  const name = key.slice(key.indexOf('/') + 1);
  const elsewhere = services.filter((one) => one.name === name && one.isLoadBalancer).map(({ namespace }) => namespace);
  return wrong(
    `there is no Service ${key}`,
    elsewhere.length > 0
      ? `namespaces with a Service of this name: ${elsewhere.join(', ')}; choose one with -n`
      : undefined,
  );
}

/** The answer. `now` is in milliseconds since 1970. */
function explainAnswer(facts: ExplainFacts, now: number): Answer<ExplainFacts> {
  const exit = facts.problems.length > 0 ? exits.wrong : exits.fine;
  return { facts, text: (style, shown) => explainText(shown, { ...style, now }), exit };
}

type Style = TableStyle & { readonly now: number };

function explainText(facts: ExplainFacts, style: Style): string {
  const { service, problems, notes, vips } = facts;
  const { colors } = style;
  const parts = [headText(facts, colors)];
  if (service.ours) parts.push(poolsText(facts, style), ...vips.map((vip) => vipText(vip, style)), pathText(facts));
  if (notes.length > 0) parts.push(`${colors.dim('Notes')}\n${notes.map((note) => `  ${note}\n`).join('')}`);
  const lines = problems.map(({ reason, what, todo }) => `  ${colors.bad(reason)}: ${what}\n    what to do: ${todo}\n`);
  parts.push(
    problems.length === 0 ? `${colors.good('No problem found.')}\n` : `${colors.bold('Problems')}\n${lines.join('')}`,
  );
  return parts.join('\n');
}

function headText({ service, class: className, vips }: ExplainFacts, colors: Colors): string {
  const { service: key, addresses, reason, message } = service;
  const lines = [
    `Service     ${colors.bold(key)}${className === undefined ? '' : `, class ${className}`}`,
    `Address     ${addresses.length === 0 ? colors.bad('none') : colors.good(addresses.join(', '))}`,
    `Why         ${reason}: ${message}`,
  ];
  for (const { address, announced, message: how } of vips) {
    lines.push(
      `Announced   ${announced ? colors.good('yes') : colors.bad('no')}: ${how.includes(address) ? how : `${address}: ${how}`}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

function poolsText({ pools }: ExplainFacts, style: Style): string {
  const rows = pools.flatMap(({ family, pools: verdicts }) => verdicts.map((one) => ({ family, ...one })));
  const columns = [
    { title: 'POOL', cell: ({ pool }: (typeof rows)[number]) => pool },
    { title: 'FAMILY', cell: ({ family }: (typeof rows)[number]) => family },
    { title: 'VERDICT', cell: ({ verdict }: (typeof rows)[number]) => verdict },
    { title: 'MEANS', cell: ({ verdict }: (typeof rows)[number]) => poolVerdictText[verdict] },
  ];
  const title = 'Pools, in the order in which they are tried\n';
  return title + indented(renderTable(rows, columns, { ...style, empty: 'there is no IPAddressPool' }));
}

function vipText(vip: ExplainedVip, style: Style): string {
  const { address, nodes, reason, holder, next, verified, verifiedReason, distribution, spread, nftables, since } = vip;
  const columns = [
    { title: 'NODE', cell: ({ node }: (typeof nodes)[number]) => node },
    { title: 'VERDICT', cell: ({ reason: found }: (typeof nodes)[number]) => found },
    {
      title: 'MEANS',
      cell: ({ node, reason: found, detail }: (typeof nodes)[number]) =>
        `${nodeVerdictText[found]}${node === next ? ', and is the next holder' : ''}${detail === '' ? '' : ` (${detail})`}`,
    },
  ];
  const held = holder === undefined ? 'no node' : `${holder}${since === undefined ? '' : ` since ${since}`}`;
  const spreadText = distribution === 'Single' ? '' : `: ${spread?.message ?? 'its holder has not reported the state'}`;
  // Without an advertisement all nodes have the same verdict: the table would add nothing.
  const table = reason === 'NoAdvertisement' ? '' : indented(renderTable(nodes, columns, style));
  return `${address}: nodes\n${table}  Held by: ${held}
  Verified from a second node: ${verified}${verifiedReason === '' ? '' : ` (${verifiedReason})`}
  Distribution: ${distribution}${spreadText}
  nftables rules of the holder: ${nftables ?? 'unknown'}\n`;
}

function pathText({ path }: ExplainFacts): string {
  const { handOff, policy, ports, endpoints, sourceRanges } = path;
  const ready = endpoints.map(({ family, nodes }) => {
    const all = nodes.reduce((sum, one) => sum + one.ready, 0);
    const where = nodes.map((one) => `${one.node || 'no node'} ${one.ready}`).join(', ');
    return `${all} ${family}${all === 0 ? '' : ` (${where})`}`;
  });
  const way =
    handOff.handOff === 'KubeProxy'
      ? 'kube-proxy serves the address itself'
      : "packets are rewritten to the Service's node port";
  return `Data path
  Hand-off: ${handOff.handOff} (${way})${handOff.message === undefined ? '' : `: ${handOff.message}`}
  Ports: ${ports.join(', ')}${sourceRanges > 0 ? `, for ${sourceRanges} source ranges only` : ''}
  externalTrafficPolicy: ${policy}
  Ready endpoints: ${ready.join(', ')}\n`;
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '  ');
}
