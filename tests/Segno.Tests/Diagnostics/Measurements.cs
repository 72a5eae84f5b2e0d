using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Segno.Tests.Diagnostics;

/// <summary>Listens to the meter "Segno" of one factory: each measurement is a line, with its tags in alphabetical order.</summary>
public sealed class Measurements : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly ConcurrentQueue<string> _lines = new();

    public Measurements(IMeterFactory factory)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == "Segno" && ReferenceEquals(instrument.Meter.Scope, factory))
            {
                Instruments.Add(instrument);
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.Start();
    }

    /// <summary>What was published.</summary>
    public List<Instrument> Instruments { get; } = [];

    /// <summary>The lines of one instrument since they were taken last.</summary>
    public IReadOnlyList<string> Take(string instrument)
    {
        var taken = new List<string>();
        for (int left = _lines.Count; left > 0 && _lines.TryDequeue(out string? line); left--)
        {
            if (line.StartsWith(instrument + " ", StringComparison.Ordinal))
            {
                taken.Add(line[(instrument.Length + 1)..]);
            }
            else
            {
                _lines.Enqueue(line);
            }
        }
        return taken;
    }

    /// <summary>As <see cref="Take"/>, without the values.</summary>
    public IEnumerable<string> TakeTags(string instrument) => Take(instrument).Select(line => line[(line.IndexOf(' ', StringComparison.Ordinal) + 1)..]);

    /// <summary>Asks the instruments that are observed.</summary>
    public IReadOnlyList<string> Observe(string instrument)
    {
        Take(instrument);
        _listener.RecordObservableInstruments();
        return Take(instrument);
    }

    public void Dispose() => _listener.Dispose();

    private void Note<T>(Instrument instrument, T value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        where T : struct
        => _lines.Enqueue(FormattableString.Invariant(
            $"{instrument.Name} {value} {string.Join(' ', tags.ToArray().OrderBy(tag => tag.Key, StringComparer.Ordinal).Select(tag => $"{tag.Key}={tag.Value}"))}"));
}
