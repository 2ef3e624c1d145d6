import { type JSX } from 'preact';
import { useState } from 'preact/hooks';

/** A command with a button that copies it. A page from a file may be refused the clipboard: then the text is selected. */
export function CopyCommand(props: { readonly command: string; readonly label: string }): JSX.Element {
  const [said, setSaid] = useState('Copy');
  return (
    <div class="command">
      <code id={`command-${props.label}`}>{props.command}</code>
      <button
        type="button"
        aria-label={`Copy the ${props.label} command`}
        onClick={(event) => {
          const code = event.currentTarget.previousElementSibling;
          void copy(props.command, code).then(setSaid);
        }}
      >
        {said}
      </button>
    </div>
  );
}

async function copy(text: string, element: Element | null): Promise<string> {
  try {
    await navigator.clipboard.writeText(text);
    return 'Copied';
  } catch {
    // Not allowed here, or no such thing: the next best is that Ctrl + C copies it.
    if (element !== null) getSelection()?.selectAllChildren(element);
    return 'Selected';
  }
}
