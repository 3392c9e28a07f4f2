/** Events, which `kubectl describe` shows with an object. */
import type { Logger } from '../runtime/logger.ts';
import type { Requests } from './client.ts';
import { eventsPath } from './resources.ts';

/** The object that an Event is about. */
export interface Regarding {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly uid: string;
}

/** One Event. */
export interface EventNote {
  readonly regarding: Regarding;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  /** The action in one word: `Allocate`. */
  readonly action: string;
  readonly note: string;
}

/** An Event as the API server takes it. */
export interface EventObject extends EventNote {
  readonly apiVersion: 'events.k8s.io/v1';
  readonly kind: 'Event';
  readonly metadata: { readonly generateName: string; readonly namespace: string };
  readonly eventTime: string;
  readonly reportingController: string;
  readonly reportingInstance: string;
}

/** The API refuses notes longer than 1024 bytes. A character that is cut in two may need two more bytes than this limit. */
const noteBytes = 1020;
/** The API server shortens the beginning of a generated name to this length, but refuses one that is too long for a name. */
const prefixLength = 58;

/** Sends Events for one component. A failure to send an Event is logged, never thrown. */
export class EventSender {
  readonly #options: { readonly client: Requests; readonly log: Logger; readonly component: string };

  constructor(options: { readonly client: Requests; readonly log: Logger; readonly component: string }) {
    this.#options = options;
  }

  /** Sends one Event. */
  async send({ regarding, type, reason, action, note }: EventNote): Promise<void> {
    const { client, log, component } = this.#options;
    const namespace = regarding.namespace ?? 'default';
    const body: EventObject = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { generateName: prefixOf(regarding.name), namespace },
      eventTime: new Date().toISOString().replace('Z', '000Z'),
      reportingController: `berth.dev/${component}`,
      reportingInstance: component,
      regarding,
      type,
      reason,
      action,
      note: Buffer.from(note).subarray(0, noteBytes).toString(),
    };
    try {
      await client.json({ method: 'POST', path: eventsPath(namespace), body });
    } catch (error) {
      log.warn({ err: error, reason, object: regarding.name }, 'event not sent');
    }
  }
}

/** The beginning of the name of an Event: that of its object, as far as there is room. The rest must not end with a separator. */
function prefixOf(name: string): string {
  return `${name.slice(0, prefixLength - 1).replace(/[-.]+$/, '')}-`;
}
