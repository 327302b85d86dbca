package web

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/latchkey-io/latchkey/auth"
)

// ClientWords says what a client calls itself (User-Agent, RFC 9110 §10.1.5)
// as people say it: "Firefox on Linux". Of one that is no browser known here it
// is the text itself, at most auth.MaxClient bytes of it, without what does not
// print. It is a claim, and shown as one.
func ClientWords(agent string) string {
	if comment, products, ok := browserAgent(agent); ok {
		system, browser := named(systems, comment), named(browsers, products)
		switch {
		case browser != "" && system != "":
			return browser + " on " + system
		case browser != "":
			return browser
		}
	}
	return printable(agent)
}

// browserAgent takes apart what browsers send:
//
//	Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0
//	            ^ comment                    ^ products
func browserAgent(agent string) (comment, products string, ok bool) {
	rest, ok := strings.CutPrefix(agent, "Mozilla/5.0 (")
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, ")")
}

// sign is a part of a text that tells of something.
type sign struct{ part, name string }

// browsers, those first that also call themselves like a later one.
var browsers = []sign{
	{" Edg/", "Edge"}, {" EdgA/", "Edge"}, {" EdgiOS/", "Edge"},
	{" OPR/", "Opera"},
	{" Vivaldi/", "Vivaldi"},
	{" SamsungBrowser/", "Samsung Internet"},
	{" Firefox/", "Firefox"}, {" FxiOS/", "Firefox"},
	{" CriOS/", "Chrome"}, {" Chrome/", "Chrome"}, {" HeadlessChrome/", "Headless Chrome"},
	{" Safari/", "Safari"},
}

// systems, likewise: an Android is a Linux, an iPhone "like Mac OS X".
var systems = []sign{
	{"iPhone", "an iPhone"}, {"iPad", "an iPad"}, {"Android", "Android"}, {"CrOS", "ChromeOS"}, {"Windows", "Windows"},
	{"Macintosh", "macOS"}, {"FreeBSD", "FreeBSD"}, {"OpenBSD", "OpenBSD"}, {"NetBSD", "NetBSD"}, {"Linux", "Linux"},
}

func named(signs []sign, text string) string {
	for _, s := range signs {
		if strings.Contains(text, s.part) {
			return s.name
		}
	}
	return ""
}

// printable is s without what does not print, cut to auth.MaxClient bytes.
func printable(s string) string {
	var b strings.Builder
	for _, c := range s {
		if !unicode.IsPrint(c) || c == unicode.ReplacementChar {
			c = '?'
		}
		if b.Len()+utf8.RuneLen(c) > auth.MaxClient {
			break
		}
		b.WriteRune(c)
	}
	return strings.TrimSpace(b.String())
}
