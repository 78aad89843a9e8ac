import { createHash } from "node:crypto";

const plain = /[\w/@-]/;
// The server takes control lines of 4096 bytes, in which a subject may stand beside another and a
// header.
const maxLength = 1024;
const keptOfLongOnes = 512;

/**
 * A channel's name as a subject. What colons separate are the subject's tokens, so that permissions
 * can be given by `namespace.>`. Letters, digits and `_ - / @` stay, any other UTF-16 unit becomes
 * `=` and its four hex digits, and of a very long name the end becomes its hash.
 *
 * @internal
 */
export function subjectOf(channel: string): string {
  let subject = "";
  for (let index = 0; index < channel.length; index++) {
    const char = channel.charAt(index);
    // No token may be empty.
    const between = index > 0 && index < channel.length - 1 && channel.charAt(index - 1) !== ":";
    if (char === ":" && between) subject += ".";
    else subject += plain.test(char) ? char : escaped(char);
  }
  if (subject.length <= maxLength) return subject;
  const hash = createHash("sha256").update(subject).digest("hex");
  // "=~" comes of no character.
  return `${subject.slice(0, keptOfLongOnes)}=~${hash}`;
}

function escaped(char: string): string {
  return `=${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
