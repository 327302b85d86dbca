package event_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/latchkey-io/latchkey/internal/event"
)

func TestClean(t *testing.T) {
	for _, c := range []struct {
		in   string
		max  int
		want string
	}{
		{"", 10, ""},
		{"plain text ~", 20, "plain text ~"},
		{"Zoë 語 🔑", 20, "Zoë 語 🔑"},
		{"a\nb\r\tc", 20, `a\nb\r\tc`},
		{"\x1b[31mred\x1b[0m", 40, `\x1b[31mred\x1b[0m`},
		{"\x00\x07\x7f\u0085\u009b", 40, `\x00\x07\x7f\u0085\u009b`},
		{"a\xffb\xc3", 40, `a\xffb\xc3`},
		{"\u202egpj.exe\u2066\u200b\u2028\ufeff", 80, `\u202egpj.exe\u2066\u200b\u2028\ufeff`},
		{"\U000e0041", 40, `\U000e0041`},
		{"a\u00a0b", 40, `a\u00a0b`},
		{`C:\new`, 40, `C:\new`},
		{"0123456789", 10, "0123456789"},
		{"01234567890", 10, "0123456…"},
		{"ééééé", 10, "ééééé"},
		{"éééééé", 10, "ééé…"},
		{"0123456\n\n", 10, "0123456…"},
		{"abcdef", 3, "…"},
		{"abcdef", 2, ""},
		{"ab", 2, "ab"},
		{"abc", 0, ""},
		{"abc", -1, ""},
	} {
		if got := event.Clean(c.in, c.max); got != c.want {
			t.Errorf("Clean(%q, %d) = %q, want %q", c.in, c.max, got, c.want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a\nb\x1b[0m\u202e\xff", 20)
	f.Add("ééé", 4)
	f.Add(strings.Repeat("\x00", 100), 50)
	f.Fuzz(func(t *testing.T, s string, max int) {
		got := event.Clean(s, max)
		if len(got) > max && got != "" {
			t.Fatalf("%d bytes, max %d", len(got), max)
		}
		if !utf8.ValidString(got) {
			t.Fatalf("%q is not UTF-8", got)
		}
		for _, c := range got {
			if !unicode.IsPrint(c) {
				t.Fatalf("%q does not print", got)
			}
		}
		if again := event.Clean(got, max); again != got {
			t.Fatalf("%q cleaned again is %q", got, again)
		}
	})
}

func BenchmarkClean(b *testing.B) {
	for name, s := range map[string]string{"plain": strings.Repeat("a", 60), "hostile": strings.Repeat("\x1b", 60), "huge": strings.Repeat("\x1b", 1<<20)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				event.Clean(s, 200)
			}
		})
	}
}
