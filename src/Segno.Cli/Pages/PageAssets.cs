namespace Segno.Cli.Pages;

/// <summary>What the page is made of beside its text; all of it stands inside the page.</summary>
internal static class PageAssets
{
    /// <summary>The segno: an S, a stroke through it, two dots.</summary>
    public const string Sign = """
        <svg viewBox="0 0 32 32" aria-hidden="true" width="34" height="34"><path d="M21 8.5c-1-2.6-3.4-3.9-5.9-3.4-3 .6-4.5 3.6-3.2 6.1 1.7 3.2 6.8 4.5 8.4 8.2 1.2 2.9-.4 6.3-3.6 7.1-2.7.6-5.1-.8-6-3.4" fill="none" stroke="currentColor" stroke-width="2.6" stroke-linecap="round"/><path d="M24.5 5 7.5 27" stroke="currentColor" stroke-width="2" stroke-linecap="round"/><circle cx="8.2" cy="13.4" r="1.9" fill="currentColor"/><circle cx="23.8" cy="18.6" r="1.9" fill="currentColor"/></svg>
        """;

    public const string Icon = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32' color='%23175a4a'%3E%3Cpath d='M21 8.5c-1-2.6-3.4-3.9-5.9-3.4-3 .6-4.5 3.6-3.2 6.1 1.7 3.2 6.8 4.5 8.4 8.2 1.2 2.9-.4 6.3-3.6 7.1-2.7.6-5.1-.8-6-3.4' fill='none' stroke='currentColor' stroke-width='2.6' stroke-linecap='round'/%3E%3Cpath d='M24.5 5 7.5 27' stroke='currentColor' stroke-width='2' stroke-linecap='round'/%3E%3Ccircle cx='8.2' cy='13.4' r='1.9' fill='currentColor'/%3E%3Ccircle cx='23.8' cy='18.6' r='1.9' fill='currentColor'/%3E%3C/svg%3E";

    public const string Style = """

        :root { color-scheme: light; --ink: #1d2528; --soft: #56646a; --line: #dfe5e3; --paper: #fbfcfb; --card: #fff; --accent: #175a4a; }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--paper); color: var(--ink); font: 17px/1.55 system-ui, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; }
        header, main, footer { max-width: 58rem; margin: 0 auto; padding: 0 1.25rem; }
        header { display: flex; align-items: center; gap: .6rem; padding-top: 1.6rem; color: var(--accent); font-size: 1.35rem; font-weight: 650; }
        header small { font-size: .95rem; font-weight: 400; color: var(--soft); font-style: italic; }
        section { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 1.4rem 1.6rem; margin: 1.25rem 0; }
        h1 { font-size: clamp(1.6rem, 5vw, 2.3rem); line-height: 1.2; margin: 0 0 .6rem; letter-spacing: -.01em; }
        h2 { font-size: 1.1rem; margin: 0 0 .9rem; }
        p { margin: 0 0 .9rem; max-width: 44rem; }
        .hero { border-width: 0 0 0 8px; border-color: #6b7f8a; background: #f0f4f6; }
        .hero.resumed { border-color: #1f8a6b; background: #eaf6f1; }
        .hero.declined { border-color: #b9770e; background: #fdf5e6; }
        .hero p:last-child { margin: 0; }
        .button { display: inline-block; padding: .45rem 1.1rem; border-radius: 8px; background: var(--accent); color: #fff; text-decoration: none; font-weight: 600; }
        .button:hover { background: #0f4437; }
        a { color: var(--accent); }
        a:focus-visible { outline: 3px solid #6db6a2; outline-offset: 2px; }
        dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(19rem, 1fr)); gap: 0 2rem; margin: 0; }
        dl div { display: flex; justify-content: space-between; align-items: baseline; gap: 1rem; padding: .45rem 0; border-top: 1px solid var(--line); }
        dt { color: var(--soft); white-space: nowrap; }
        dd { margin: 0; text-align: right; font-weight: 600; font-size: .96rem; overflow-wrap: anywhere; }
        .figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: 1rem; }
        .figures b { display: block; font-size: 1.9rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
        .figures span, .note { color: var(--soft); font-size: .95rem; }
        ul { list-style: none; display: flex; flex-wrap: wrap; gap: .4rem 1.4rem; margin: .9rem 0 0; padding: 0; }
        ul:empty { display: none; }
        code { font: .92em ui-monospace, "Cascadia Mono", Menlo, "DejaVu Sans Mono", monospace; }
        table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
        th, td { padding: .45rem .4rem; border-top: 1px solid var(--line); text-align: right; }
        thead th { border: 0; color: var(--soft); font-weight: 400; vertical-align: bottom; }
        th:first-child { text-align: left; }
        .note { margin: .8rem 0 0; }
        footer { padding-bottom: 2.5rem; color: var(--soft); }

        """;

    /// <summary>Keeps the totals up to date while the page is looked at. The page is complete without it.</summary>
    public const string Script = """

        (() => {
          const show = (id, value) => { document.getElementById(id).textContent = value.toLocaleString('en').replaceAll(',', '\u202f'); };
          const refresh = async () => {
            if (document.hidden) return;
            try {
              const stats = await (await fetch('/api/stats')).json();
              const reasons = Object.entries(stats.declined);
              const list = (id, counts) => document.getElementById(id).replaceChildren(...counts.filter(([, count]) => count > 0).map(([name, count]) => {
                const item = document.createElement('li');
                const code = document.createElement('code');
                code.textContent = name;
                item.append(code, ' ' + count);
                return item;
              }));
              show('full', stats.fullHandshakes);
              show('resumed', stats.resumedHandshakes);
              show('declined', reasons.reduce((sum, entry) => sum + entry[1], 0));
              show('early-accepted', stats.earlyDataAccepted);
              show('early-refused', Object.values(stats.earlyDataRefused).reduce((sum, count) => sum + count, 0));
              list('early-reasons', Object.entries(stats.earlyDataRefused));
              show('entries', stats.cacheEntries);
              show('bytes', stats.cacheBytes);
              show('hits', stats.cache.hits);
              show('misses', stats.cache.misses);
              show('evicted', stats.cache.evictedForEntries + stats.cache.evictedForBytes);
              list('mechanisms', Object.entries(stats.resumedBy));
              list('reasons', reasons.flatMap(([reason, count]) => stats.declinedDetails[reason]
                ? Object.entries(stats.declinedDetails[reason]).map(([detail, part]) => [`${reason} (${detail})`, part])
                : [[reason, count]]));
              document.getElementById('ticket-keys').replaceChildren(...stats.ticketKeys.map((key) => {
                const row = document.createElement('tr');
                for (const [tag, text] of [['th', key.epoch], ['td', key.phase], ['td', key.name]]) {
                  const cell = document.createElement(tag);
                  cell.append(text);
                  row.append(cell);
                }
                return row;
              }));
              document.getElementById('key-failure').textContent = stats.ticketKeyFailure ?? '';
            } catch {
              clearInterval(timer);
            }
          };
          const timer = setInterval(refresh, 3000);
        })();

        """;
}
