package configs

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"
)

// Schema is the file's JSON Schema (draft 2020-12), made from Config, for
// editors. It is looser than Load: the schema knows kinds, words and keys; Load
// knows what they mean together.
func Schema() []byte {
	s := schemaOf(reflect.ValueOf(*Default()))
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "Latchkey configuration"
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(err) // only strings, numbers and maps of them go in
	}
	return append(text, '\n')
}

// schemaOf is the schema of a value's type, with the value as the default.
func schemaOf(v reflect.Value) map[string]any {
	switch {
	case v.Type() == durationType:
		return map[string]any{
			"type":    []string{"string", "integer"},
			"pattern": `^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`,
			"minimum": 0, "maximum": 0, // an integer is 0 alone: others need a unit
			"default": durationText(time.Duration(v.Int())),
		}
	case v.Kind() == reflect.Struct:
		return objectSchema(v)
	case v.Kind() == reflect.Slice:
		return listSchema(v)
	case v.Kind() == reflect.Map:
		text := map[string]any{"type": []string{"string", "integer", "number", "boolean"}, "maxLength": maxText}
		return map[string]any{"type": "object", "patternProperties": map[string]any{".": text}, "additionalProperties": false}
	case v.Kind() == reflect.String:
		return map[string]any{"type": "string", "maxLength": maxText, "default": v.String()}
	case v.Kind() == reflect.Bool:
		return map[string]any{"type": "boolean", "default": v.Bool()}
	default:
		return map[string]any{"type": "integer", "default": v.Int()}
	}
}

func objectSchema(v reflect.Value) map[string]any {
	properties := map[string]any{}
	for f := range v.Type().Fields() {
		p := schemaOf(v.FieldByIndex(f.Index))
		p["description"] = f.Tag.Get("doc")
		if words := f.Tag.Get("enum"); words != "" {
			p["enum"] = strings.Split(words, ",")
			delete(p, "maxLength")
			if p["default"] == "" {
				delete(p, "default")
			}
		}
		properties[f.Tag.Get("yaml")] = p
	}
	kind := any("object")
	required, entry := requiredKeys[v.Type()]
	if !entry {
		kind = []string{"object", "null"} // a block with everything commented out
	}
	s := map[string]any{"type": kind, "properties": properties, "additionalProperties": false}
	if entry {
		s["required"] = required
	}
	return s
}

// requiredKeys are those that an entry of a list of blocks must have.
var requiredKeys = map[reflect.Type][]string{
	routeType:                        {"name", "upstream"},
	reflect.TypeFor[JobProvider]():   {"name", "issuer", "audience", "mappings"},
	mappingType:                      {"name", "claims"},
	namedType:                        {"name", "url"},
	providerType:                     {"name", "type", "client_id"},
	reflect.TypeFor[ProviderGroup](): {"claim"},
}

// mostEntries bounds the lists of each kind, as their own checks do.
var mostEntries = map[reflect.Type]int{
	routeType:                        MaxRoutes,
	reflect.TypeFor[JobProvider]():   maxJobProviders,
	mappingType:                      maxJobMappings,
	namedType:                        maxUpstreams,
	providerType:                     maxProviders,
	reflect.TypeFor[ProviderGroup](): maxProviderGroups,
}

func listSchema(v reflect.Value) map[string]any {
	entry := v.Type().Elem()
	switch {
	case entry == notBuiltType:
		return map[string]any{"type": "array", "maxItems": 0}
	case entry.Kind() == reflect.Struct:
		return map[string]any{"type": "array", "maxItems": mostEntries[entry], "items": schemaOf(begin(entry))}
	}
	return map[string]any{"type": "array", "items": map[string]any{"type": "string", "maxLength": maxText}, "default": v.Interface()}
}
