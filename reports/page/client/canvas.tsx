import { type JSX } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';

/** A canvas of this size, as sharp as the screen, that is painted anew whenever what it shows has changed. */
export function Canvas(props: {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly label: string;
  readonly paint: (context: CanvasRenderingContext2D) => void;
}): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { widthPx, heightPx, paint } = props;
  useLayoutEffect(() => {
    const element = canvas.current;
    const context = element?.getContext('2d');
    if (element === null || context === null || context === undefined) return;
    const ratio = window.devicePixelRatio;
    const width = Math.round(widthPx * ratio);
    const height = Math.round(heightPx * ratio);
    if (element.width !== width || element.height !== height) {
      element.width = width;
      element.height = height;
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, widthPx, heightPx);
    paint(context);
  }, [widthPx, heightPx, paint]);
  return (
    <canvas
      ref={canvas}
      role="img"
      aria-label={props.label}
      style={{ width: `${widthPx}px`, height: `${heightPx}px` }}
    />
  );
}
