/** `explain` for users who may read their own namespace only: the conditions of the Service, and what to do. */
import { parseService, type RawService, type ServiceView } from '../../api/service.ts';
import { servicePath } from '../../kube/resources.ts';
import { readOne } from '../cluster/read.ts';
import type { Session } from '../cluster/session.ts';
import type { Answer } from '../output/answer.ts';
import { exits, wrong } from '../output/failure.ts';
import type { Problem } from './explained.ts';
import { problem } from './problems.ts';

/** The facts in the status of a Service. */
interface LimitedFacts {
  readonly service: string;
  readonly addresses: readonly string[];
  readonly conditions: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason: string;
    readonly message: string;
  }[];
  /** Why the answer contains no more. */
  readonly note: string;
  readonly problems: readonly Problem[];
}

/** Reads the Service only, and answers from its conditions. `why` names what could not be read. */
export async function explainLimited(session: Session, key: string, why: string): Promise<Answer> {
  const [namespace = '', name = ''] = key.split('/');
  const raw = await readOne<RawService>(await session.reach(), servicePath({ namespace, name }));
  if (raw === undefined) throw wrong(`there is no Service ${key}`);
  const view = parseService(raw);
  if (!view.isLoadBalancer) throw wrong(`Service ${key} is not of type LoadBalancer, or is being deleted`);
  return limitedAnswer(limitedFacts(view, why));
}

/** Derives the facts from the conditions of the Service. */
function limitedFacts({ key, ingress, conditions }: ServiceView, why: string): LimitedFacts {
  const shown = conditions.map(({ type, status, reason, message }) => ({ type, status, reason, message }));
  const isGood = ({ status, reason }: (typeof shown)[number]) =>
    status === 'True' && ['Allocated', 'Announced', 'AddressConflict'].includes(reason);
  const problems = shown.filter((one) => !isGood(one)).map(({ reason, message }) => problem(reason, message));
  const silent =
    shown.length > 0
      ? []
      : [
          problem(
            'NotWritten',
            'Berth has written no condition to the Service: Berth does not serve its class, or no controller runs',
          ),
        ];
  const addresses = ingress.flatMap(({ ip }) => (ip === undefined ? [] : [ip]));
  const note = `${why}: this answer uses the status of the Service only`;
  return { service: key, addresses, conditions: shown, note, problems: [...problems, ...silent] };
}

function limitedAnswer(facts: LimitedFacts): Answer<LimitedFacts> {
  return {
    facts,
    exit: facts.problems.length > 0 ? exits.wrong : exits.fine,
    text: ({ colors }, { service, addresses, conditions, note, problems }) => {
      const lines = [
        `Service     ${colors.bold(service)}`,
        `Address     ${addresses.join(', ') || colors.bad('none')}`,
        ...conditions.map(({ type, status, reason, message }) => `${type}   ${status}, ${reason}: ${message}`),
        '',
        `${colors.dim('Note')}\n  ${note}`,
        '',
        ...problems.map(({ reason, what, todo }) => `${colors.bad(reason)}: ${what}\n  what to do: ${todo}`),
        ...(problems.length === 0 ? [colors.good('No problem found.')] : []),
      ];
      return `${lines.join('\n')}\n`;
    },
  };
}
