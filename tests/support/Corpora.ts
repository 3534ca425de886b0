/**
 * Real data of other projects, see `corpora/Folder.ts`, for tests that need it: they skip, and say so, where it is
 * missing.
 */
import { describe } from "vitest"
import { isThere, ROOT } from "../corpora/Folder.ts"

export { isThere, path, read, table } from "../corpora/Folder.ts"

/** As vitest's `describe`, but skipped with the reason in its name where the corpora are missing. */
export const describeWithCorpora = (name: string, body: () => void): void => {
  const title = isThere ? name : `${name} (skipped: no corpora in ${ROOT}, set SHOAL_CORPORA)`
  describe.skipIf(!isThere)(title, body)
}
