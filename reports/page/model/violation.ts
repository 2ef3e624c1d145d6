/** What a violation says, without its name in front and without the stack of whoever threw. */
export function violationSentence(invariant: string, detail: string): string {
  const [first = detail] = detail.split('\n');
  const prefix = `${invariant}: `;
  const text = first.startsWith(prefix) ? first.slice(prefix.length) : first;
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/u.test(capital) ? capital : `${capital}.`;
}
