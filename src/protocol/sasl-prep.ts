/** Blanks that are no U+0020, which they become. */
const BLANKS = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g
/** What is not seen: soft hyphens, joiners, variation selectors. */
const NOTHING = /\u00ad|\u034f|\u1806|[\u180b-\u180d]|\u200c|\u200d|\u2060|[\ufe00-\ufe0f]|\ufeff/g
/** Control characters, half surrogates, and what is no character. */
const PROHIBITED = /[\p{Cc}\p{Cs}\p{Co}\ufff9-\uffff\u2028\u2029]/u

/**
 * A user name or password as it is hashed and compared in SCRAM, so that what looks the same is the same (RFC 4013, without
 * its rules for text from right to left and for code points that are not assigned). Null if it has what it may not have.
 */
export function saslPrep(text: string): string | null {
  const prepared = text.replace(BLANKS, ' ').replace(NOTHING, '').normalize('NFKC')
  return PROHIBITED.test(prepared) ? null : prepared
}
