/** All promises that the Services documentation of Kubernetes makes for LoadBalancer: the rows of the matrix. */
import { endpoints } from './endpoints.ts';
import { paths } from './paths.ts';
import { policies } from './policies.ts';
import { ports } from './ports.ts';
import type { Row } from './row.ts';
import { types } from './types.ts';

/** The rows, in the order of docs/services.md. */
export const rows: readonly Row[] = [...ports, ...policies, ...endpoints, ...types, ...paths];
