/** Tests that state a promise. If Berth does not keep it yet, the test is on the list of expected failures. */
import assert from 'node:assert/strict';
import { type TestContext, type TestOptions, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { type ExpectedFailure, expectedFailures } from './expected-failures.ts';

type Check = (context: TestContext) => void | Promise<void>;

/** Declares a test. If its name is on the list of expected failures, the test must fail with a message that matches the list. */
export function promise(name: string, ...rest: readonly [Check] | readonly [TestOptions, Check]): void {
  const [options, check] = rest.length === 1 ? [{}, rest[0]] : rest;
  const expected = expectedFailures[name];
  const expectFailure = expected && { label: expected.fault, match: (error: unknown) => shows(error, expected) };
  test(name, { ...options, ...(expectFailure && { expectFailure }) }, check);
}

/** Throws if a test did not fail as the list says. The test runner makes messages colored if it has a terminal. */
function shows(error: unknown, expected: ExpectedFailure): boolean {
  assert.match(stripVTControlCharacters(String(error)), expected.shows);
  return true;
}
