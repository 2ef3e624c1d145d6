import { type RefObject } from 'preact';
import { useLayoutEffect, useState } from 'preact/hooks';

/** Width of an element, kept up to date. */
export function useWidth(element: RefObject<HTMLElement | null>, initial: number): number {
  const [width, setWidth] = useState(initial);
  useLayoutEffect(() => {
    const target = element.current;
    if (target === null) return undefined;
    const observer = new ResizeObserver(([entry]) => {
      if (entry !== undefined) setWidth(Math.max(200, Math.floor(entry.contentRect.width)));
    });
    observer.observe(target);
    setWidth(Math.max(200, Math.floor(target.getBoundingClientRect().width)));
    return () => {
      observer.disconnect();
    };
  }, [element]);
  return width;
}
