/** Tests that state a promise. If Berth does not keep it yet, the test is on the list of expected failures. */
import { type TestContext, type TestOptions, test } from 'node:test';
import { expectedFailures } from './expected-failures.ts';

type Check = (context: TestContext) => void | Promise<void>;

/** Declares a test. If its name is on the list of expected failures, the test must fail with a message that matches the list. */
export function promise(name: string, ...rest: readonly [Check] | readonly [TestOptions, Check]): void {
  const [options, check] = rest.length === 1 ? [{}, rest[0]] : rest;
  const expected = expectedFailures[name];
  const expectFailure = expected && { label: expected.fault, match: expected.shows };
  test(name, { ...options, ...(expectFailure && { expectFailure }) }, check);
}
