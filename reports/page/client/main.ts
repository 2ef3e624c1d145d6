import { serveEngine } from './engine-link.ts';
import { showPage } from './show-page.tsx';

// One script, two lives: in the page it shows, in the worker that the page makes of it, it simulates.
if (typeof document === 'undefined') serveEngine(self as unknown as Parameters<typeof serveEngine>[0]);
else void showPage(document);
