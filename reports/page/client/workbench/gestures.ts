import { type RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

import { type TimeAxis } from '../../model/time-axis.ts';
import { panned, type Viewport, wholeOf, zoomed } from '../../model/viewport.ts';

const wheelZoom = 1.0015;
const keyZoom = 0.7;
const keyPan = 0.2;
const dragPxMin = 5;

/**
 * Zoom and pan by mouse and keyboard. The wheel alone scrolls the page; with Ctrl, ⌘ or Alt (and by pinching) it zooms, with
 * Shift or sideways it pans. Dragging pans.
 */
export function useGestures(
  tracks: RefObject<HTMLElement | null>,
  options: {
    readonly gutterPx: number;
    readonly axis: TimeAxis;
    readonly viewport: Viewport;
    readonly setViewport: (viewport: Viewport) => void;
  },
): void {
  const current = useRef(options);
  current.current = options;
  useEffect(() => {
    const element = tracks.current;
    if (element === null) return undefined;
    const onWheel = (event: WheelEvent): void => {
      const { gutterPx, axis, viewport, setViewport } = current.current;
      const widthPx = element.clientWidth - gutterPx;
      const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
      if (event.ctrlKey || event.metaKey || event.altKey) {
        event.preventDefault();
        const x = event.clientX - element.getBoundingClientRect().left - gutterPx;
        const center = viewport.from + (x / widthPx) * (viewport.to - viewport.from);
        setViewport(
          zoomed(axis, viewport, center, wheelZoom ** (event.deltaY * (event.deltaMode === 1 ? 20 : 1))),
        );
      } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        event.preventDefault();
        setViewport(panned(axis, viewport, sideways / widthPx));
      }
    };
    let dragX: number | undefined;
    const onDown = (event: PointerEvent): void => {
      const x = event.clientX - element.getBoundingClientRect().left;
      if (event.button !== 0 || x < current.current.gutterPx) return;
      dragX = event.clientX;
    };
    const onMove = (event: PointerEvent): void => {
      if (dragX === undefined) return;
      const { gutterPx, axis, viewport, setViewport } = current.current;
      const moved = event.clientX - dragX;
      const dragging = element.hasPointerCapture(event.pointerId);
      if (moved === 0 || (!dragging && Math.abs(moved) < dragPxMin)) return;
      // Not before it is a drag: a captured pointer's click would not reach what lies under it.
      if (!dragging) element.setPointerCapture(event.pointerId);
      dragX = event.clientX;
      setViewport(panned(axis, viewport, -moved / (element.clientWidth - gutterPx)));
    };
    const onUp = (): void => {
      dragX = undefined;
    };
    element.addEventListener('wheel', onWheel, { passive: false });
    element.addEventListener('pointerdown', onDown);
    element.addEventListener('pointermove', onMove);
    element.addEventListener('pointerup', onUp);
    element.addEventListener('pointercancel', onUp);
    return () => {
      element.removeEventListener('wheel', onWheel);
      element.removeEventListener('pointerdown', onDown);
      element.removeEventListener('pointermove', onMove);
      element.removeEventListener('pointerup', onUp);
      element.removeEventListener('pointercancel', onUp);
    };
  }, [tracks]);
}

/** The viewport that a key asks for; undefined: the key means something else. */
export function keyedViewport(
  key: string,
  axis: TimeAxis,
  viewport: Viewport,
  center: number,
): Viewport | undefined {
  switch (key) {
    case '+':
    case '=':
      return zoomed(axis, viewport, center, keyZoom);
    case '-':
      return zoomed(axis, viewport, center, 1 / keyZoom);
    case 'ArrowLeft':
      return panned(axis, viewport, -keyPan);
    case 'ArrowRight':
      return panned(axis, viewport, keyPan);
    case '0':
      return wholeOf(axis);
    default:
      return undefined;
  }
}
