/**
 * The bad inputs that this field has met, numbered: what arrives, and what is right. They were gathered from advisories,
 * changelogs and test suites of other clients; `Checklist.test.ts` sees to it that every number has a test.
 */
import { test } from "vitest"

/** How many bad inputs the list has. */
export const ROWS = 84

/** A test of bad input number `number`; `title` says what arrives and what is right. A number may have several. */
export const row = (number: number, title: string, body: () => void | Promise<void>): void =>
  test(`${number}: ${title}`, body)
