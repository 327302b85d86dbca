package event

import (
	"log/slog"
	"math"
	"strconv"
	"time"
)

// writeEvent writes an event as slog's JSON handler would, if all its values
// are of kinds that appendValue knows.
func (o *output) writeEvent(now time.Time, name string, attrs []slog.Attr) (ok bool) {
	room := o.room.Get().(*[]byte)
	defer o.room.Put(room)
	b := append((*room)[:0], `{"time":"`...)
	b = now.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","level":"INFO","msg":`...)
	b = appendText(b, name)
	for _, a := range attrs {
		b = append(b, ',')
		b = appendText(b, a.Key)
		b = append(b, ':')
		if b, ok = appendValue(b, a.Value); !ok {
			return false
		}
	}
	b = append(b, "}\n"...)
	if cap(b) <= maxKeptLine {
		*room = b
	}
	_, _ = o.Write(b) // there is nobody to tell when the log cannot be written
	return true
}

func appendValue(b []byte, v slog.Value) ([]byte, bool) {
	switch v.Kind() {
	case slog.KindString:
		return appendText(b, v.String()), true
	case slog.KindInt64:
		return strconv.AppendInt(b, v.Int64(), 10), true
	case slog.KindUint64:
		return strconv.AppendUint(b, v.Uint64(), 10), true
	case slog.KindBool:
		return strconv.AppendBool(b, v.Bool()), true
	case slog.KindDuration:
		return strconv.AppendInt(b, int64(v.Duration()), 10), true
	case slog.KindFloat64:
		if f := v.Float64(); math.Abs(f) < 1e15 { // neither NaN nor infinite nor very long
			return strconv.AppendFloat(b, f, 'f', -1, 64), true
		}
	}
	return b, false
}

// appendText quotes what [Clean] has been over: nothing but the quote and the
// backslash means something in a JSON string.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b = append(append(b, s[start:i]...), '\\')
			start = i
		}
	}
	return append(append(b, s[start:]...), '"')
}
