import { useEffect, useState } from 'preact/hooks';

/** Colours of canvases, as the styles define them for light and dark. */
export interface Theme {
  readonly text: string;
  readonly muted: string;
  readonly faint: string;
  readonly line: string;
  readonly paper: string;
  readonly accent: string;
  readonly bad: string;
  readonly fault: string;
  readonly leader: string;
  readonly candidate: string;
  readonly follower: string;
  readonly append: string;
  readonly vote: string;
  readonly heartbeat: string;
  readonly read: string;
  readonly snapshot: string;
  readonly client: string;
  readonly series: readonly string[];
}

const seriesCount = 9;

export function useTheme(): Theme {
  const [theme, setTheme] = useState(readTheme);
  useEffect(() => {
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const onChange = (): void => {
      setTheme(readTheme());
    };
    dark.addEventListener('change', onChange);
    return () => {
      dark.removeEventListener('change', onChange);
    };
  }, []);
  return theme;
}

function readTheme(): Theme {
  const styles = getComputedStyle(document.documentElement);
  const colour = (name: string): string => styles.getPropertyValue(`--${name}`).trim();
  return {
    text: colour('text'),
    muted: colour('muted'),
    faint: colour('faint'),
    line: colour('line'),
    paper: colour('paper'),
    accent: colour('accent'),
    bad: colour('bad'),
    fault: colour('fault'),
    leader: colour('leader'),
    candidate: colour('candidate'),
    follower: colour('follower'),
    append: colour('append'),
    vote: colour('vote'),
    heartbeat: colour('heartbeat'),
    read: colour('read'),
    snapshot: colour('snapshot'),
    client: colour('client'),
    series: Array.from({ length: seriesCount }, (_, index) => colour(`series-${index + 1}`)),
  };
}

/** Messages by family: what is asked and its answer are of one colour. */
export function kindColour(theme: Theme, kind: string): string {
  if (kind.startsWith('append')) return theme.append;
  if (/vote/iu.test(kind)) return theme.vote;
  if (/heartbeat/iu.test(kind)) return theme.heartbeat;
  if (/read/iu.test(kind)) return theme.read;
  if (/snapshot/iu.test(kind)) return theme.snapshot;
  return theme.client;
}
