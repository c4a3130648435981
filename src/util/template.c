#include "config.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "util/str.h"
#include "util/template.h"

/*
 * Text is parsed once into a tree of nodes; rendering walks the tree with a stack of variables. All
 * memory of one template, and of one rendering, is a chain of blocks freed together.
 */

#define DEPTH_MAX  64
#define STEPS_MAX  2000000u
#define MEMORY_MAX (64u << 20) /* bytes of values, per rendering */

struct block {
	struct block *next;
	max_align_t data[];
};

static void *arena_alloc(struct block **arena, size_t size)
{
	struct block *block = xcalloc(1, sizeof(*block) + size);

	block->next = *arena;
	*arena = block;
	return block->data;
}

static char *arena_strndup(struct block **arena, const char *s, size_t len)
{
	char *copy = arena_alloc(arena, len + 1);

	memcpy(copy, s, len);
	return copy;
}

static void arena_free(struct block *arena)
{
	while (arena) {
		struct block *next = arena->next;

		free(arena);
		arena = next;
	}
}

/* Values while rendering; arrays and objects of the data stay where they are. */
enum value_kind {
	VALUE_NONE, /* no such map entry: "<no value>" */
	VALUE_NULL,
	VALUE_BOOL,
	VALUE_INT,
	VALUE_FLOAT,
	VALUE_STRING,
	VALUE_JSON, /* array or object */
	VALUE_LIST, /* of strings, made by split or slice */
};

struct value {
	enum value_kind kind;
	int64_t integer; /* also BOOL */
	double number;
	const char *text;
	size_t len; /* of text, or elements of items */
	const struct json *json;
	const struct value *items;
};

enum operand_kind {
	OPERAND_DOT,      /* "." with fields */
	OPERAND_VARIABLE, /* "$x" with fields */
	OPERAND_LITERAL,
	OPERAND_PIPE, /* "(...)" with fields */
	OPERAND_FUNCTION,
};

struct operand {
	enum operand_kind kind;
	const char *name;    /* variable, function */
	const char **fields; /* NULL-terminated; NULL none */
	struct value literal;
	struct pipe *pipe;
	struct operand *next;
};

struct command_node {
	struct operand *operands;
	struct command_node *next;
};

struct pipe {
	const char *variables[2];
	unsigned int variable_count;
	bool assign; /* "=" and not ":=" */
	struct command_node *commands;
};

enum node_kind {
	NODE_TEXT,
	NODE_ACTION,
	NODE_IF,
	NODE_RANGE,
	NODE_WITH,
	NODE_BREAK,
	NODE_CONTINUE,
};

struct node {
	enum node_kind kind;
	const char *text;
	size_t len;
	struct pipe *pipe;
	struct node *body, *otherwise;
	struct node *next;
};

struct template
{
	struct block *arena;
	struct node *root;
};

/* ---- parsing ---- */

enum token_kind {
	TOKEN_END, /* of the action */
	TOKEN_WORD,
	TOKEN_FIELD,    /* ".x" */
	TOKEN_DOT,      /* "." alone */
	TOKEN_VARIABLE, /* "$x" */
	TOKEN_STRING,
	TOKEN_NUMBER,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_PIPE,
	TOKEN_DECLARE,
	TOKEN_ASSIGN,
	TOKEN_COMMA,
};

struct token {
	enum token_kind kind;
	const char *text; /* arena */
	size_t len;
	bool spaced;   /* white space stood before it */
	bool is_float; /* of a number */
};

struct parser {
	struct block **arena;
	const char *pos, *end; /* inside an action: up to its closing braces */
	const char *text_end;
	const char *start;
	struct token token;
	unsigned int depth;
	unsigned int range_depth;
	bool trim_next; /* the action before ended in "-}}" */
};

static int parse_error(const struct parser *p, struct error **err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static int parse_error(const struct parser *p, struct error **err, const char *fmt, ...)
{
	cleanup_free char *text = NULL;
	unsigned int line = 1;
	va_list ap;

	for (const char *s = p->start; s < p->pos; s++)
		line += *s == '\n';
	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	return error_set(err, ERR_INVALID, "template: line %u: %s", line, text);
}

static bool is_word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || (c & 0x80);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void add_rune(struct strbuf *sb, uint32_t rune)
{
	if (rune < 0x80) {
		strbuf_addch(sb, (char)rune);
	} else if (rune < 0x800) {
		strbuf_addch(sb, (char)(0xc0 | rune >> 6));
		strbuf_addch(sb, (char)(0x80 | (rune & 0x3f)));
	} else if (rune < 0x10000) {
		strbuf_addch(sb, (char)(0xe0 | rune >> 12));
		strbuf_addch(sb, (char)(0x80 | (rune >> 6 & 0x3f)));
		strbuf_addch(sb, (char)(0x80 | (rune & 0x3f)));
	} else {
		strbuf_addch(sb, (char)(0xf0 | rune >> 18));
		strbuf_addch(sb, (char)(0x80 | (rune >> 12 & 0x3f)));
		strbuf_addch(sb, (char)(0x80 | (rune >> 6 & 0x3f)));
		strbuf_addch(sb, (char)(0x80 | (rune & 0x3f)));
	}
}

/* What follows a backslash in a quoted string; p->pos is behind the backslash. */
static int lex_escape(struct parser *p, struct strbuf *sb, struct error **err)
{
	static const char names[] = "abfnrtv\\\"'", bytes[] = "\a\b\f\n\r\t\v\\\"'";
	char c = p->pos < p->end ? *p->pos++ : '\0';
	const char *found = c ? strchr(names, c) : NULL;
	unsigned int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
	uint32_t rune = 0;

	if (found) {
		strbuf_addch(sb, bytes[found - names]);
		return 0;
	}
	if (!digits)
		return parse_error(p, err, "unknown escape sequence in a string");
	for (unsigned int i = 0; i < digits; i++, p->pos++) {
		int digit = p->pos < p->end ? hex_digit(*p->pos) : -1;

		if (digit < 0)
			return parse_error(p, err, "unknown escape sequence in a string");
		rune = rune << 4 | (uint32_t)digit;
	}
	if (rune == 0 || rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000))
		return parse_error(p, err, "unknown escape sequence in a string");
	if (c == 'x' && rune >= 0x80)
		strbuf_addch(sb, (char)rune);
	else
		add_rune(sb, rune);
	return 0;
}

static int lex_string(struct parser *p, struct error **err)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	char quote = *p->pos++;

	for (;;) {
		char c;

		if (p->pos >= p->end)
			return parse_error(p, err, "unterminated quoted string");
		c = *p->pos++;
		if (c == quote)
			break;
		if (c == '\n' && quote == '"')
			return parse_error(p, err, "unterminated quoted string");
		if (c == '\\' && quote == '"') {
			if (lex_escape(p, &sb, err) < 0)
				return -1;
		} else {
			strbuf_addch(&sb, c);
		}
	}
	p->token.kind = TOKEN_STRING;
	p->token.text = arena_strndup(p->arena, strbuf_str(&sb), sb.len);
	p->token.len = sb.len;
	return 0;
}

static int lex_number(struct parser *p, struct error **err)
{
	const char *start = p->pos;

	p->token.is_float = false;
	while (p->pos < p->end &&
		(isalnum((unsigned char)*p->pos) || *p->pos == '.' || *p->pos == '_' ||
			((*p->pos == '+' || *p->pos == '-') &&
				(p->pos == start || (p->pos[-1] | 0x20) == 'e')))) {
		if (*p->pos == '.' || (*p->pos | 0x20) == 'e')
			p->token.is_float = true;
		p->pos++;
	}
	p->token.kind = TOKEN_NUMBER;
	p->token.len = (size_t)(p->pos - start);
	p->token.text = arena_strndup(p->arena, start, p->token.len);
	if (p->token.len > 2 && strchr(p->token.text, 'x'))
		p->token.is_float = false;
	(void)err;
	return 0;
}

static int next_token(struct parser *p, struct error **err)
{
	static const struct {
		char c;
		enum token_kind kind;
	} singles[] = {{'(', TOKEN_OPEN}, {')', TOKEN_CLOSE}, {'|', TOKEN_PIPE},
		{'=', TOKEN_ASSIGN}, {',', TOKEN_COMMA}};
	const char *start;
	char c;

	p->token = (struct token){0};
	while (p->pos < p->end && isspace((unsigned char)*p->pos)) {
		p->pos++;
		p->token.spaced = true;
	}
	if (p->pos >= p->end)
		return 0;
	c = *p->pos;
	if (c == '"' || c == '`')
		return lex_string(p, err);
	if (isdigit((unsigned char)c) ||
		((c == '-' || c == '+') && p->pos + 1 < p->end &&
			(isdigit((unsigned char)p->pos[1]) || p->pos[1] == '.')) ||
		(c == '.' && p->pos + 1 < p->end && isdigit((unsigned char)p->pos[1])))
		return lex_number(p, err);
	if (c == ':' && p->pos + 1 < p->end && p->pos[1] == '=') {
		p->pos += 2;
		p->token.kind = TOKEN_DECLARE;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(singles); i++) {
		if (singles[i].c == c) {
			p->pos++;
			p->token.kind = singles[i].kind;
			return 0;
		}
	}
	start = p->pos;
	if (c == '.' || c == '$')
		p->pos++;
	else if (!is_word_char(c))
		return parse_error(p, err, "unexpected '%c' in an action", c);
	while (p->pos < p->end && is_word_char(*p->pos))
		p->pos++;
	p->token.len = (size_t)(p->pos - start);
	p->token.kind = c == '$'            ? TOKEN_VARIABLE
			: c != '.'          ? TOKEN_WORD
			: p->token.len == 1 ? TOKEN_DOT
					    : TOKEN_FIELD;
	if (p->token.kind == TOKEN_FIELD) {
		start++;
		p->token.len--;
	}
	p->token.text = arena_strndup(p->arena, start, p->token.len);
	return 0;
}

static bool token_is_word(const struct parser *p, const char *word)
{
	return p->token.kind == TOKEN_WORD && strcmp(p->token.text, word) == 0;
}

/* ".a.b" directly behind what was just read; the current token is the first candidate. */
static int parse_fields(
	struct parser *p, struct operand *operand, bool first_is_ours, struct error **err)
{
	size_t count = 0, capacity = 0;
	cleanup_free const char **fields = NULL;

	while (p->token.kind == TOKEN_FIELD && (first_is_ours || !p->token.spaced)) {
		first_is_ours = false;
		array_grow(fields, count, capacity);
		fields[count++] = p->token.text;
		if (next_token(p, err) < 0)
			return -1;
	}
	if (p->token.kind == TOKEN_DOT && !p->token.spaced)
		return parse_error(p, err, "unexpected '.'");
	if (count) {
		operand->fields = arena_alloc(p->arena, (count + 1) * sizeof(*operand->fields));
		memcpy(operand->fields, fields, count * sizeof(*fields));
	}
	return 0;
}

static int parse_pipe(struct parser *p, bool declarations, struct pipe **ret, struct error **err);

static int parse_number(struct parser *p, struct value *ret, struct error **err)
{
	char *end;

	errno = 0;
	if (p->token.is_float) {
		ret->kind = VALUE_FLOAT;
		ret->number = strtod(p->token.text, &end);
	} else {
		ret->kind = VALUE_INT;
		ret->integer = strtoll(p->token.text, &end, 0);
	}
	if (*end || errno)
		return parse_error(p, err, "bad number syntax: \"%s\"", p->token.text);
	return 0;
}

/* One operand; *ret NULL when the current token does not begin one. */
static int parse_operand(struct parser *p, struct operand **ret, struct error **err)
{
	struct operand *operand;
	struct token token = p->token;

	*ret = NULL;
	switch (token.kind) {
	case TOKEN_END:
	case TOKEN_CLOSE:
	case TOKEN_PIPE:
		return 0;
	case TOKEN_DECLARE:
	case TOKEN_ASSIGN:
	case TOKEN_COMMA:
		return parse_error(p, err, "unexpected %s in operand",
			token.kind == TOKEN_COMMA ? "','" : "assignment");
	default:
		break;
	}
	operand = arena_alloc(p->arena, sizeof(*operand));
	if (token.kind == TOKEN_FIELD) {
		operand->kind = OPERAND_DOT;
		*ret = operand;
		return parse_fields(p, operand, true, err);
	}
	if (token.kind == TOKEN_NUMBER && parse_number(p, &operand->literal, err) < 0)
		return -1;
	if (token.kind == TOKEN_OPEN) {
		operand->kind = OPERAND_PIPE;
		if (++p->depth > DEPTH_MAX)
			return parse_error(p, err, "nested too deep");
		if (next_token(p, err) < 0 || parse_pipe(p, false, &operand->pipe, err) < 0)
			return -1;
		p->depth--;
		if (p->token.kind != TOKEN_CLOSE)
			return parse_error(p, err, "unclosed left paren");
	}
	switch (token.kind) {
	case TOKEN_DOT:
		operand->kind = OPERAND_DOT;
		break;
	case TOKEN_VARIABLE:
		operand->kind = OPERAND_VARIABLE;
		operand->name = token.text;
		break;
	case TOKEN_STRING:
		operand->kind = OPERAND_LITERAL;
		operand->literal =
			(struct value){.kind = VALUE_STRING, .text = token.text, .len = token.len};
		break;
	case TOKEN_NUMBER:
		operand->kind = OPERAND_LITERAL;
		break;
	case TOKEN_WORD:
		operand->kind = OPERAND_LITERAL;
		if (token_is_word(p, "true") || token_is_word(p, "false")) {
			operand->literal.kind = VALUE_BOOL;
			operand->literal.integer = token.text[0] == 't';
		} else if (token_is_word(p, "nil")) {
			operand->literal.kind = VALUE_NULL;
		} else {
			operand->kind = OPERAND_FUNCTION;
			operand->name = token.text;
		}
		break;
	default:
		break;
	}
	*ret = operand;
	if (next_token(p, err) < 0)
		return -1;
	if (p->token.kind == TOKEN_FIELD && !p->token.spaced &&
		(token.kind == TOKEN_VARIABLE || token.kind == TOKEN_OPEN))
		return parse_fields(p, operand, false, err);
	return 0;
}

static bool function_exists(const char *name);

static int parse_command(struct parser *p, struct command_node **ret, struct error **err)
{
	struct command_node *command = arena_alloc(p->arena, sizeof(*command));
	struct operand **tail = &command->operands;

	for (;;) {
		struct operand *operand;

		if (command->operands && !p->token.spaced && p->token.kind != TOKEN_END &&
			p->token.kind != TOKEN_CLOSE && p->token.kind != TOKEN_PIPE &&
			p->token.kind != TOKEN_OPEN)
			return parse_error(p, err, "unexpected text behind an operand");
		if (parse_operand(p, &operand, err) < 0)
			return -1;
		if (!operand)
			break;
		if (operand->kind == OPERAND_FUNCTION && !function_exists(operand->name))
			return parse_error(p, err, "function \"%s\" not defined", operand->name);
		*tail = operand;
		tail = &operand->next;
	}
	if (!command->operands)
		return parse_error(p, err, "missing value for command");
	*ret = command;
	return 0;
}

/* "$x :=", "$x =", "$i, $v :=" in front of a pipeline; a variable that is only used is put back. */
static int parse_declarations(struct parser *p, struct pipe *pipe, struct error **err)
{
	const char *saved_pos = p->pos;
	struct token saved = p->token;

	while (p->token.kind == TOKEN_VARIABLE && pipe->variable_count < 2) {
		pipe->variables[pipe->variable_count++] = p->token.text;
		if (next_token(p, err) < 0)
			return -1;
		if (p->token.kind == TOKEN_DECLARE || p->token.kind == TOKEN_ASSIGN) {
			pipe->assign = p->token.kind == TOKEN_ASSIGN;
			return next_token(p, err);
		}
		if (p->token.kind != TOKEN_COMMA)
			break;
		if (next_token(p, err) < 0)
			return -1;
	}
	pipe->variable_count = 0;
	p->pos = saved_pos;
	p->token = saved;
	return 0;
}

static int parse_pipe(struct parser *p, bool declarations, struct pipe **ret, struct error **err)
{
	struct pipe *pipe = arena_alloc(p->arena, sizeof(*pipe));
	struct command_node **tail = &pipe->commands;

	if (declarations && parse_declarations(p, pipe, err) < 0)
		return -1;
	for (;;) {
		struct operand *first;

		if (parse_command(p, tail, err) < 0)
			return -1;
		first = (*tail)->operands;
		if (tail != &pipe->commands && first->kind == OPERAND_LITERAL)
			return parse_error(p, err, "non executable command in pipeline");
		tail = &(*tail)->next;
		if (p->token.kind != TOKEN_PIPE)
			break;
		if (next_token(p, err) < 0)
			return -1;
	}
	*ret = pipe;
	return 0;
}

static void expand_text(struct parser *p, const char *from, const char *to, bool trim_left,
	bool trim_right, struct node ***tail)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	struct node *node;

	while (trim_left && from < to && isspace((unsigned char)*from))
		from++;
	while (trim_right && to > from && isspace((unsigned char)to[-1]))
		to--;
	for (; from < to; from++) {
		if (*from == '\\' && from + 1 < to && (from[1] == 't' || from[1] == 'n'))
			strbuf_addch(&sb, *++from == 't' ? '\t' : '\n');
		else
			strbuf_addch(&sb, *from);
	}
	if (!sb.len)
		return;
	node = arena_alloc(p->arena, sizeof(*node));
	node->text = arena_strndup(p->arena, strbuf_str(&sb), sb.len);
	node->len = sb.len;
	**tail = node;
	*tail = &node->next;
}

/* The end of the action that begins at P (behind "{{"): its "}}", quotes skipped. */
static const char *find_action_end(const char *p, const char *end)
{
	while (p + 1 < end) {
		if (*p == '"') {
			for (p++; p < end && *p != '"' && *p != '\n'; p++)
				if (*p == '\\')
					p++;
			p++;
		} else if (*p == '`') {
			for (p++; p < end && *p != '`'; p++)
				;
			p++;
		} else if (p[0] == '}' && p[1] == '}') {
			return p;
		} else {
			p++;
		}
	}
	return NULL;
}

/* Text up to the next action, and that action's first token. *ret_found false at the end of input.
 */
static int next_action(struct parser *p, struct node ***tail, const char **ret_after,
	bool *ret_found, struct error **err)
{
	for (;;) {
		const char *open = NULL, *close, *inner;
		bool trim_right;

		for (const char *s = p->pos; s + 1 < p->text_end && !open; s++)
			if (s[0] == '{' && s[1] == '{')
				open = s;
		if (!open) {
			expand_text(p, p->pos, p->text_end, p->trim_next, false, tail);
			p->pos = p->text_end;
			*ret_found = false;
			return 0;
		}
		inner = open + 2;
		trim_right = p->text_end - inner >= 2 && inner[0] == '-' &&
			     isspace((unsigned char)inner[1]);
		expand_text(p, p->pos, open, p->trim_next, trim_right, tail);
		if (trim_right)
			inner += 2;
		p->pos = inner;
		if (p->text_end - inner >= 2 && inner[0] == '/' && inner[1] == '*') {
			const char *stop = memmem(inner, (size_t)(p->text_end - inner), "*/", 2);

			if (!stop)
				return parse_error(p, err, "unclosed comment");
			close = stop + 2;
			p->trim_next = false;
			if (p->text_end - close >= 4 && isspace((unsigned char)close[0]) &&
				close[1] == '-') {
				p->trim_next = true;
				close += 2;
			}
			if (p->text_end - close < 2 || close[0] != '}' || close[1] != '}')
				return parse_error(p, err, "comment ends before closing delimiter");
			p->pos = close + 2;
			continue;
		}
		close = find_action_end(inner, p->text_end);
		if (!close)
			return parse_error(p, err, "unclosed action");
		*ret_after = close + 2;
		p->trim_next =
			close - inner >= 2 && close[-1] == '-' && isspace((unsigned char)close[-2]);
		p->end = p->trim_next ? close - 2 : close;
		*ret_found = true;
		return next_token(p, err);
	}
}

enum list_end { LIST_END, LIST_ELSE, LIST_EOF };

static int parse_list(
	struct parser *p, struct node **ret, enum list_end *ret_end, struct error **err);

/* An "if", "range" or "with" whose keyword was read; AFTER is behind its closing braces. */
static int parse_block(struct parser *p, enum node_kind kind, const char *after, struct node **ret,
	struct error **err)
{
	struct node *node = arena_alloc(p->arena, sizeof(*node));
	enum list_end end;

	node->kind = kind;
	if (++p->depth > DEPTH_MAX)
		return parse_error(p, err, "nested too deep");
	if (parse_pipe(p, true, &node->pipe, err) < 0)
		return -1;
	if (p->token.kind != TOKEN_END)
		return parse_error(p, err, "unexpected text at the end of an action");
	if (kind != NODE_RANGE && node->pipe->variable_count == 2)
		return parse_error(p, err, "too many declarations");
	p->pos = after;
	p->range_depth += kind == NODE_RANGE;
	if (parse_list(p, &node->body, &end, err) < 0)
		return -1;
	p->range_depth -= kind == NODE_RANGE;
	if (end == LIST_ELSE) {
		const char *else_after = p->pos;

		/* parse_list() left the action's rest as the current token. */
		else_after = p->end;
		while (else_after < p->text_end && *else_after != '}')
			else_after++;
		else_after += 2;
		if (token_is_word(p, kind == NODE_WITH ? "with" : "if") && kind != NODE_RANGE) {
			if (next_token(p, err) < 0 ||
				parse_block(p, kind, else_after, &node->otherwise, err) < 0)
				return -1;
			end = LIST_END;
		} else {
			if (p->token.kind != TOKEN_END)
				return parse_error(p, err, "unexpected text after else");
			p->pos = else_after;
			if (parse_list(p, &node->otherwise, &end, err) < 0)
				return -1;
			if (end == LIST_ELSE)
				return parse_error(p, err, "expected end; found else");
		}
	}
	if (end == LIST_EOF)
		return parse_error(p, err, "unexpected EOF: an action is not closed by {{end}}");
	p->depth--;
	*ret = node;
	return 0;
}

static int parse_action(struct parser *p, const char *after, struct node **ret, struct error **err)
{
	static const struct {
		const char *word;
		enum node_kind kind;
	} blocks[] = {{"if", NODE_IF}, {"range", NODE_RANGE}, {"with", NODE_WITH}};
	struct node *node;

	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
		if (!token_is_word(p, blocks[i].word))
			continue;
		if (next_token(p, err) < 0)
			return -1;
		return parse_block(p, blocks[i].kind, after, ret, err);
	}
	node = arena_alloc(p->arena, sizeof(*node));
	*ret = node;
	if (token_is_word(p, "break") || token_is_word(p, "continue")) {
		node->kind = token_is_word(p, "break") ? NODE_BREAK : NODE_CONTINUE;
		if (!p->range_depth)
			return parse_error(p, err, "{{%s}} outside {{range}}", p->token.text);
		if (next_token(p, err) < 0)
			return -1;
	} else if (token_is_word(p, "define") || token_is_word(p, "template") ||
		   token_is_word(p, "block")) {
		return parse_error(p, err, "{{%s}} is not supported", p->token.text);
	} else {
		node->kind = NODE_ACTION;
		if (parse_pipe(p, true, &node->pipe, err) < 0)
			return -1;
		if (node->pipe->variable_count == 2)
			return parse_error(p, err, "too many declarations");
	}
	if (p->token.kind != TOKEN_END)
		return parse_error(p, err, "unexpected text at the end of an action");
	p->pos = after;
	return 0;
}

static int parse_list(
	struct parser *p, struct node **ret, enum list_end *ret_end, struct error **err)
{
	struct node **tail = ret;

	for (;;) {
		const char *after = NULL;
		bool found = false;

		if (next_action(p, &tail, &after, &found, err) < 0)
			return -1;
		if (!found) {
			*ret_end = LIST_EOF;
			return 0;
		}
		if (token_is_word(p, "end")) {
			if (next_token(p, err) < 0)
				return -1;
			if (p->token.kind != TOKEN_END)
				return parse_error(p, err, "unexpected text after end");
			p->pos = after;
			*ret_end = LIST_END;
			return 0;
		}
		if (token_is_word(p, "else")) {
			*ret_end = LIST_ELSE;
			return next_token(p, err);
		}
		if (parse_action(p, after, tail, err) < 0)
			return -1;
		while (*tail)
			tail = &(*tail)->next;
	}
}

int template_parse(const char *text, struct template **ret, struct error **err)
{
	cleanup_template struct template *t = xcalloc(1, sizeof(*t));
	size_t len = strlen(text);
	struct parser p = {.arena = &t->arena, .pos = text, .start = text, .text_end = text + len};
	enum list_end end;

	if (len > TEMPLATE_TEXT_MAX)
		return error_set(
			err, ERR_INVALID, "template: longer than %u bytes", TEMPLATE_TEXT_MAX);
	if (parse_list(&p, &t->root, &end, err) < 0)
		return -1;
	if (end != LIST_EOF)
		return parse_error(&p, err, "unexpected {{%s}}", end == LIST_END ? "end" : "else");
	*ret = steal_ptr(&t);
	return 0;
}

void template_free(struct template *t)
{
	if (!t)
		return;
	arena_free(t->arena);
	free(t);
}

/* ---- rendering ---- */

struct variable {
	const char *name;
	struct value value;
};

struct render {
	struct block *arena;
	struct strbuf *out;
	size_t out_start;
	const struct json *root;
	const char *root_json;
	struct variable *variables;
	size_t variable_count, variable_capacity;
	unsigned int steps;
	size_t allocated;
};

static void *render_alloc(struct render *r, size_t size)
{
	r->allocated += size + sizeof(struct block);
	return arena_alloc(&r->arena, size);
}

static int render_error(struct error **err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static int render_error(struct error **err, const char *fmt, ...)
{
	cleanup_free char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	return error_set(err, ERR_INVALID, "template: %s", text);
}

static int step(struct render *r, struct error **err)
{
	if (++r->steps > STEPS_MAX)
		return render_error(err, "too many steps");
	if (r->out->len - r->out_start > TEMPLATE_OUTPUT_MAX || r->allocated > MEMORY_MAX)
		return render_error(err, "the output is too long");
	return 0;
}

static struct value value_string(const char *text, size_t len)
{
	return (struct value){.kind = VALUE_STRING, .text = text, .len = len};
}

/* SB's text as a value that lives as long as the rendering. */
static struct value value_take(struct render *r, struct strbuf *sb)
{
	r->allocated += sb->len;
	return value_string(arena_strndup(&r->arena, strbuf_str(sb), sb->len), sb->len);
}

static struct value value_int(int64_t n)
{
	return (struct value){.kind = VALUE_INT, .integer = n};
}

static struct value value_bool(bool b)
{
	return (struct value){.kind = VALUE_BOOL, .integer = b};
}

static struct value value_from_json(struct render *r, const struct json *j)
{
	struct error *ignored = NULL;
	struct value v = {.kind = VALUE_NULL};
	struct json *copy;
	bool flag;

	switch (json_kind(j)) {
	case JSON_KIND_NULL:
		break;
	case JSON_KIND_BOOL:
		if (json_boolean(j, &flag, &ignored) == 0)
			v = value_bool(flag);
		break;
	case JSON_KIND_INT:
		v.kind = VALUE_INT;
		if (json_int64(j, INT64_MIN, INT64_MAX, &v.integer, &ignored) == 0)
			break;
		/* above the signed range */
		error_free(ignored);
		ignored = NULL;
		v.kind = VALUE_FLOAT;
		if (json_double(j, &v.number, &ignored) < 0)
			v.kind = VALUE_NULL;
		break;
	case JSON_KIND_DOUBLE:
		v.kind = VALUE_FLOAT;
		if (json_double(j, &v.number, &ignored) < 0)
			v.kind = VALUE_NULL;
		break;
	case JSON_KIND_STRING:
		v.kind = VALUE_STRING;
		if (json_string(j, &v.text, &ignored) == 0)
			v.len = strlen(v.text);
		else
			v = value_string("", 0);
		break;
	case JSON_KIND_ARRAY:
	case JSON_KIND_OBJECT:
		copy = render_alloc(r, sizeof(*copy));
		*copy = *j;
		v.kind = VALUE_JSON;
		v.json = copy;
		break;
	}
	error_free(ignored);
	return v;
}

static bool is_array(const struct value *v)
{
	return v->kind == VALUE_LIST ||
	       (v->kind == VALUE_JSON && json_kind(v->json) == JSON_KIND_ARRAY);
}

static bool is_object(const struct value *v)
{
	return v->kind == VALUE_JSON && json_kind(v->json) == JSON_KIND_OBJECT;
}

static size_t array_length(const struct value *v)
{
	struct error *ignored = NULL;
	size_t count = 0;

	if (v->kind == VALUE_LIST)
		return v->len;
	if (json_array(v->json, SIZE_MAX, &count, &ignored) < 0)
		error_free(ignored);
	return count;
}

static struct value array_at(struct render *r, const struct value *v, size_t i)
{
	struct json j;

	if (v->kind == VALUE_LIST)
		return v->items[i];
	j = json_at(v->json, i);
	return value_from_json(r, &j);
}

static size_t object_length(const struct value *v)
{
	struct json member;
	size_t count = 0;

	for (struct json_iter it = json_iter(v->json); json_next(&it, &member);)
		count++;
	return count;
}

/* Objects that are maps, not structs, to docker and podman: a missing entry is no mistake there. */
static bool is_map(const struct json *j)
{
	static const char *const maps[] = {"Labels", "Annotations", "Options", "Sysctls", "Ports",
		"ExposedPorts", "Volumes", "Tmpfs", "Networks", "StorageOpt", "UsernsMap", "Config",
		"graphOptions", "graphStatus", "registries", "Attributes"};

	if (!j->parent || !j->key)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		if (strcasecmp(j->key, maps[i]) == 0)
			/* Config is a map in LogConfig only. */
			return strcmp(maps[i], "Config") != 0 ||
			       (j->parent->key && strcmp(j->parent->key, "LogConfig") == 0);
	return false;
}

static int get_field(struct render *r, const struct value *from, const char *name,
	struct value *ret, struct error **err)
{
	struct json member;

	if (from->kind == VALUE_NULL || from->kind == VALUE_NONE)
		return render_error(err, "nil pointer evaluating .%s", name);
	if (!is_object(from))
		return render_error(
			err, "can't evaluate field %s in a value that has no fields", name);
	for (struct json_iter it = json_iter(from->json); json_next(&it, &member);) {
		if (strcmp(member.key, name) == 0) {
			*ret = value_from_json(r, &member);
			return 0;
		}
	}
	for (struct json_iter it = json_iter(from->json); json_next(&it, &member);) {
		if (strcasecmp(member.key, name) == 0) {
			*ret = value_from_json(r, &member);
			return 0;
		}
	}
	if (!is_map(from->json))
		return render_error(err, "can't evaluate field %s", name);
	*ret = (struct value){.kind = VALUE_NONE};
	return 0;
}

static bool is_true(const struct value *v)
{
	switch (v->kind) {
	case VALUE_NONE:
	case VALUE_NULL:
		return false;
	case VALUE_BOOL:
	case VALUE_INT:
		return v->integer != 0;
	case VALUE_FLOAT:
		return v->number != 0;
	case VALUE_STRING:
		return v->len > 0;
	case VALUE_LIST:
		return v->len > 0;
	case VALUE_JSON:
		return is_array(v) ? array_length(v) > 0 : object_length(v) > 0;
	}
	return false;
}

/* As Go's strconv.FormatFloat(f, 'g', -1, 64) within fmt: shortest, exponent from 1e21 on. */
static void print_float(double n, struct strbuf *out)
{
	char text[64];
	int exponent;

	if (isnan(n) || isinf(n)) {
		strbuf_addstr(out, isnan(n) ? "NaN" : n > 0 ? "+Inf" : "-Inf");
		return;
	}
	for (int precision = 1; precision <= 17; precision++) {
		snprintf(text, sizeof(text), "%.*e", precision - 1, n);
		if (strtod(text, NULL) != n)
			continue;
		exponent = atoi(strchr(text, 'e') + 1);
		if (exponent >= -4 && exponent < 21)
			snprintf(text, sizeof(text), "%.*f", MAX(precision - 1 - exponent, 0), n);
		break;
	}
	strbuf_addstr(out, text);
}

static int compare_members(const void *a, const void *b)
{
	return strcmp(((const struct json *)a)->key, ((const struct json *)b)->key);
}

/* Go's %v. */
static int print_value(
	struct render *r, const struct value *v, struct strbuf *out, struct error **err)
{
	if (step(r, err) < 0)
		return -1;
	switch (v->kind) {
	case VALUE_NONE:
		strbuf_addstr(out, "<no value>");
		break;
	case VALUE_NULL:
		strbuf_addstr(out, "<nil>");
		break;
	case VALUE_BOOL:
		strbuf_addstr(out, v->integer ? "true" : "false");
		break;
	case VALUE_INT:
		strbuf_addf(out, "%" PRId64, v->integer);
		break;
	case VALUE_FLOAT:
		print_float(v->number, out);
		break;
	case VALUE_STRING:
		strbuf_add(out, v->text, v->len);
		break;
	case VALUE_LIST:
	case VALUE_JSON:
		if (is_array(v)) {
			size_t count = array_length(v);

			strbuf_addch(out, '[');
			for (size_t i = 0; i < count; i++) {
				struct value item = array_at(r, v, i);

				if (i)
					strbuf_addch(out, ' ');
				if (print_value(r, &item, out, err) < 0)
					return -1;
			}
			strbuf_addch(out, ']');
		} else {
			size_t count = object_length(v), i = 0;
			struct json *members = render_alloc(r, (count + 1) * sizeof(*members));
			struct json member;

			for (struct json_iter it = json_iter(v->json); json_next(&it, &member);)
				members[i++] = member;
			qsort(members, count, sizeof(*members), compare_members);
			strbuf_addstr(out, "map[");
			for (i = 0; i < count; i++) {
				struct value item = value_from_json(r, &members[i]);

				strbuf_addf(out, "%s%s:", i ? " " : "", members[i].key);
				if (print_value(r, &item, out, err) < 0)
					return -1;
			}
			strbuf_addch(out, ']');
		}
		break;
	}
	return 0;
}

static int write_json(
	struct render *r, const struct value *v, struct json_writer *w, struct error **err)
{
	if (step(r, err) < 0)
		return -1;
	switch (v->kind) {
	case VALUE_NONE:
	case VALUE_NULL:
		json_write_null(w);
		break;
	case VALUE_BOOL:
		json_write_bool(w, v->integer);
		break;
	case VALUE_INT:
		json_write_int(w, v->integer);
		break;
	case VALUE_FLOAT:
		json_write_double(w, v->number);
		break;
	case VALUE_STRING:
		json_write_string_n(w, v->text, v->len);
		break;
	case VALUE_JSON:
		json_write_value(w, v->json);
		break;
	case VALUE_LIST:
		json_write_array_begin(w);
		for (size_t i = 0; i < v->len; i++)
			if (write_json(r, &v->items[i], w, err) < 0)
				return -1;
		json_write_array_end(w);
		break;
	}
	return 0;
}

/* ---- functions ---- */

typedef int function_run(struct render *r, const char *name, const struct value *args, size_t count,
	struct value *ret, struct error **err);

static int text_argument(const char *name, const struct value *v, struct error **err)
{
	if (v->kind == VALUE_STRING)
		return 0;
	return render_error(err, "error calling %s: wrong type for value; expected string", name);
}

static int int_argument(const char *name, const struct value *v, struct error **err)
{
	if (v->kind == VALUE_INT)
		return 0;
	return render_error(err, "error calling %s: wrong type for value; expected int", name);
}

static int run_json(struct render *r, const char *name, const struct value *args, size_t count,
	struct value *ret, struct error **err)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	struct json_writer w = json_writer_init(&sb, 0);

	(void)name;
	(void)count;
	if (r->root_json && args[0].kind == VALUE_JSON && args[0].json->value == r->root->value)
		strbuf_addstr(&sb, r->root_json);
	else if (write_json(r, &args[0], &w, err) < 0)
		return -1;
	*ret = value_take(r, &sb);
	return 0;
}

static int run_not(struct render *r, const char *name, const struct value *args, size_t count,
	struct value *ret, struct error **err)
{
	(void)r;
	(void)name;
	(void)count;
	(void)err;
	*ret = value_bool(!is_true(&args[0]));
	return 0;
}

static bool is_number(const struct value *v)
{
	return v->kind == VALUE_INT || v->kind == VALUE_FLOAT;
}

/* -1, 0, 1, or 2 when the kinds do not compare. */
static int compare_values(const struct value *a, const struct value *b)
{
	if (a->kind == VALUE_INT && b->kind == VALUE_INT)
		return (a->integer > b->integer) - (a->integer < b->integer);
	if (is_number(a) && is_number(b)) {
		double x = a->kind == VALUE_INT ? (double)a->integer : a->number;
		double y = b->kind == VALUE_INT ? (double)b->integer : b->number;

		return (x > y) - (x < y);
	}
	if (a->kind != b->kind)
		return 2;
	if (a->kind == VALUE_STRING) {
		int order = memcmp(a->text, b->text, MIN(a->len, b->len));

		if (!order)
			order = (a->len > b->len) - (a->len < b->len);
		return (order > 0) - (order < 0);
	}
	if (a->kind == VALUE_BOOL)
		return (a->integer > b->integer) - (a->integer < b->integer);
	return a->kind == VALUE_NULL || a->kind == VALUE_NONE ? 0 : 2;
}

static int run_compare(struct render *r, const char *name, const struct value *args, size_t count,
	struct value *ret, struct error **err)
{
	bool result = false;

	(void)r;
	/* eq a b c: a equals one of the others */
	for (size_t i = 1; i < count; i++) {
		int order = compare_values(&args[0], &args[i]);
		bool null = args[0].kind <= VALUE_NULL || args[i].kind <= VALUE_NULL;

		if (order == 2 && (!null || name[1] != 'q'))
			return render_error(
				err, "error calling %s: incompatible types for comparison", name);
		if (name[0] == 'e')
			result = result || order == 0;
		else if (name[0] == 'n')
			result = order != 0;
		else if (name[0] == 'l')
			result = name[1] == 't' ? order < 0 : order <= 0;
		else
			result = name[1] == 't' ? order > 0 : order >= 0;
	}
	*ret = value_bool(result);
	return 0;
}

static int run_len(struct render *r, const char *name, const struct value *args, size_t count,
	struct value *ret, struct error **err)
{
	const struct value *v = &args[0];

	(void)r;
	(void)count;
	if (v->kind == VALUE_STRING)
		*ret = value_int((int64_t)v->len);
	else if (v->kind == VALUE_NULL) /* an empty list or map in Go */
		*ret = value_int(0);
	else if (is_array(v))
		*ret = value_int((int64_t)array_length(v));
	else if (is_object(v))
		*ret = value_int((int64_t)object_length(v));
	else
		return render_error(err, "error calling %s: a value without length", name);
	return 0;
}

static int run_index(struct render *r, const char *name, const struct value *args, size_t count,
	struct value *ret, struct error **err)
{
	struct value v = args[0];

	for (size_t i = 1; i < count; i++) {
		const struct value *key = &args[i];

		if (is_object(&v)) {
			struct json member;

			if (text_argument(name, key, err) < 0)
				return -1;
			if (json_member(v.json, key->text, &member))
				v = value_from_json(r, &member);
			else
				v = value_string("", 0); /* what a map of strings has */
		} else if (is_array(&v) || v.kind == VALUE_STRING) {
			size_t len = v.kind == VALUE_STRING ? v.len : array_length(&v);

			if (int_argument(name, key, err) < 0)
				return -1;
			if (key->integer < 0 || (uint64_t)key->integer >= len)
				return render_error(err,
					"error calling index: index out of range: %" PRId64,
					key->integer);
			v = v.kind == VALUE_STRING ? value_int((unsigned char)v.text[key->integer])
						   : array_at(r, &v, (size_t)key->integer);
		} else {
			return render_error(err, "error calling index: %s",
				v.kind <= VALUE_NULL ? "index of nil" : "can't index this value");
		}
	}
	*ret = v;
	return 0;
}

static int run_slice(struct render *r, const char *name, const struct value *args, size_t count,
	struct value *ret, struct error **err)
{
	const struct value *v = &args[0];
	size_t len, from = 0, to;
	struct value *items;

	if (v->kind != VALUE_STRING && !is_array(v))
		return render_error(err, "error calling slice: can't slice this value");
	len = v->kind == VALUE_STRING ? v->len : array_length(v);
	to = len;
	for (size_t i = 1; i < count; i++) {
		if (int_argument(name, &args[i], err) < 0)
			return -1;
		if (args[i].integer < 0 || (uint64_t)args[i].integer > len)
			return render_error(err,
				"error calling slice: index out of range: %" PRId64,
				args[i].integer);
		if (i == 1)
			from = (size_t)args[i].integer;
		else if (i == 2)
			to = (size_t)args[i].integer;
	}
	if (from > to)
		return render_error(
			err, "error calling slice: invalid slice index: %zu > %zu", from, to);
	if (v->kind == VALUE_STRING) {
		*ret = value_string(arena_strndup(&r->arena, v->text + from, to - from), to - from);
		r->allocated += to - from;
		return 0;
	}
	items = render_alloc(r, (to - from + 1) * sizeof(*items));
	for (size_t i = from; i < to; i++)
		items[i - from] = array_at(r, v, i);
	*ret = (struct value){.kind = VALUE_LIST, .items = items, .len = to - from};
	return 0;
}

static int run_print(struct render *r, const char *name, const struct value *args, size_t count,
	struct value *ret, struct error **err)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	bool line = strcmp(name, "println") == 0;

	for (size_t i = 0; i < count; i++) {
		if (i && (line || (args[i].kind != VALUE_STRING &&
					  args[i - 1].kind != VALUE_STRING)))
			strbuf_addch(&sb, ' ');
		if (print_value(r, &args[i], &sb, err) < 0)
			return -1;
	}
	if (line)
		strbuf_addch(&sb, '\n');
	*ret = value_take(r, &sb);
	return 0;
}

static size_t rune_count(const char *s, size_t len)
{
	size_t count = 0;

	for (size_t i = 0; i < len; i++)
		count += (s[i] & 0xc0) != 0x80;
	return count;
}

struct verb {
	bool minus, plus, zero, sharp, space;
	unsigned int width;
	int precision; /* -1 none */
	char letter;
};

static const char *kind_name(const struct value *v)
{
	switch (v->kind) {
	case VALUE_BOOL:
		return "bool";
	case VALUE_INT:
		return "int";
	case VALUE_FLOAT:
		return "float64";
	case VALUE_STRING:
		return "string";
	default:
		return "interface {}";
	}
}

/* One verb's value without width, as Go's fmt does for the kinds that there are. */
static int print_verb(struct render *r, const struct verb *verb, const struct value *v,
	struct strbuf *sb, struct error **err)
{
	char format[16];

	switch (verb->letter) {
	case 'v':
	case 's':
		if (verb->letter == 's' && (is_number(v) || v->kind == VALUE_BOOL))
			break;
		if (print_value(r, v, sb, err) < 0)
			return -1;
		if (verb->precision >= 0 && v->kind == VALUE_STRING) {
			size_t keep = 0, runes = 0;

			while (keep < sb->len) {
				if ((sb->data[keep] & 0xc0) != 0x80 &&
					runes++ == (size_t)verb->precision)
					break;
				keep++;
			}
			if (sb->len) {
				sb->len = keep;
				sb->data[keep] = '\0';
			}
		}
		return 0;
	case 'q':
		if (v->kind == VALUE_STRING) {
			struct json_writer w = json_writer_init(sb, 0);

			json_write_string_n(&w, v->text, v->len);
			return 0;
		}
		break;
	case 't':
		if (v->kind == VALUE_BOOL)
			return print_value(r, v, sb, err);
		break;
	case 'd':
	case 'x':
	case 'X':
	case 'o':
	case 'b':
	case 'c':
		if (v->kind == VALUE_INT && verb->letter == 'c') {
			add_rune(sb, (uint32_t)v->integer & 0x1fffff);
			return 0;
		}
		if (v->kind == VALUE_INT && verb->letter != 'b') {
			unsigned long long magnitude =
				v->integer < 0 ? 0 - (uint64_t)v->integer : (uint64_t)v->integer;

			if (v->integer < 0 || verb->plus || verb->space)
				strbuf_addch(sb, v->integer < 0 ? '-' : verb->plus ? '+' : ' ');
			snprintf(format, sizeof(format), "%%%sll%c", verb->sharp ? "#" : "",
				verb->letter == 'd' ? 'u' : verb->letter);
			strbuf_addf(sb, format, magnitude);
			return 0;
		}
		if (v->kind == VALUE_STRING && (verb->letter | 0x20) == 'x') {
			for (size_t i = 0; i < v->len; i++)
				strbuf_addf(sb, verb->letter == 'x' ? "%02x" : "%02X",
					(unsigned char)v->text[i]);
			return 0;
		}
		break;
	case 'f':
	case 'F':
	case 'e':
	case 'E':
	case 'g':
	case 'G':
		if (v->kind == VALUE_FLOAT) {
			snprintf(format, sizeof(format), "%%%s.*%c", verb->plus ? "+" : "",
				verb->letter);
			if (verb->precision < 0 && (verb->letter | 0x20) == 'g')
				print_float(v->number, sb);
			else
				strbuf_addf(sb, format, verb->precision < 0 ? 6 : verb->precision,
					v->number);
			return 0;
		}
		break;
	default:
		break;
	}
	strbuf_addf(sb, "%%!%c(%s=", verb->letter, kind_name(v));
	if (print_value(r, v, sb, err) < 0)
		return -1;
	strbuf_addch(sb, ')');
	return 0;
}

static int run_printf(struct render *r, const char *name, const struct value *args, size_t count,
	struct value *ret, struct error **err)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	size_t next = 1;

	if (text_argument(name, &args[0], err) < 0)
		return -1;
	for (const char *p = args[0].text; *p; p++) {
		cleanup_strbuf struct strbuf text = STRBUF_INIT;
		struct verb verb = {.precision = -1};
		size_t width, sign = 0;

		if (*p != '%') {
			strbuf_addch(&sb, *p);
			continue;
		}
		for (p++; *p && strchr("-+0# ", *p); p++) {
			verb.minus |= *p == '-';
			verb.plus |= *p == '+';
			verb.zero |= *p == '0';
			verb.sharp |= *p == '#';
			verb.space |= *p == ' ';
		}
		for (; isdigit((unsigned char)*p) && verb.width < 10000; p++)
			verb.width = verb.width * 10 + (unsigned int)(*p - '0');
		if (*p == '.')
			for (p++, verb.precision = 0;
				isdigit((unsigned char)*p) && verb.precision < 1000; p++)
				verb.precision = verb.precision * 10 + (*p - '0');
		if (verb.width > 10000 || verb.precision > 1000)
			return render_error(err, "error calling printf: the width is too large");
		verb.letter = *p;
		if (!*p) {
			strbuf_addstr(&sb, "%!(NOVERB)");
			break;
		}
		if (*p == '%') {
			strbuf_addch(&sb, '%');
			continue;
		}
		if (next >= count) {
			strbuf_addf(&sb, "%%!%c(MISSING)", *p);
			continue;
		}
		if (print_verb(r, &verb, &args[next], &text, err) < 0)
			return -1;
		width = rune_count(strbuf_str(&text), text.len);
		if (!verb.minus && verb.zero && is_number(&args[next]))
			sign = *strbuf_str(&text) == '-' || *strbuf_str(&text) == '+';
		strbuf_add(&sb, strbuf_str(&text), sign);
		if (!verb.minus && width < verb.width)
			strbuf_pad(&sb, verb.zero && is_number(&args[next]) ? '0' : ' ',
				verb.width - width);
		strbuf_addstr(&sb, strbuf_str(&text) + sign);
		if (verb.minus && width < verb.width)
			strbuf_pad(&sb, ' ', verb.width - width);
		next++;
		if (step(r, err) < 0)
			return -1;
	}
	if (next < count) {
		strbuf_addstr(&sb, "%!(EXTRA ");
		for (; next < count; next++) {
			strbuf_addf(&sb, "%s=", kind_name(&args[next]));
			if (print_value(r, &args[next], &sb, err) < 0)
				return -1;
			strbuf_addstr(&sb, next + 1 < count ? ", " : ")");
		}
	}
	*ret = value_take(r, &sb);
	return 0;
}

static int run_join(struct render *r, const char *name, const struct value *args, size_t count,
	struct value *ret, struct error **err)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	size_t length;

	(void)count;
	if (text_argument(name, &args[1], err) < 0)
		return -1;
	if (args[0].kind == VALUE_NULL) {
		*ret = value_string("", 0);
		return 0;
	}
	if (!is_array(&args[0]))
		return render_error(
			err, "error calling join: wrong type for value; expected a list");
	length = array_length(&args[0]);
	for (size_t i = 0; i < length; i++) {
		struct value item = array_at(r, &args[0], i);

		if (i)
			strbuf_add(&sb, args[1].text, args[1].len);
		if (print_value(r, &item, &sb, err) < 0)
			return -1;
	}
	*ret = value_take(r, &sb);
	return 0;
}

static int run_split(struct render *r, const char *name, const struct value *args, size_t count,
	struct value *ret, struct error **err)
{
	const char *p, *end, *sep = args[1].text;
	size_t pieces = 0;
	struct value *items;

	(void)count;
	if (text_argument(name, &args[0], err) < 0 || text_argument(name, &args[1], err) < 0)
		return -1;
	items = render_alloc(r, (args[0].len + 1) * sizeof(*items));
	for (p = args[0].text; (end = args[1].len ? strstr(p, sep)
				      : *p        ? p + 1
						  : NULL);
		p = end + args[1].len) {
		items[pieces++] = value_string(
			arena_strndup(&r->arena, p, (size_t)(end - p)), (size_t)(end - p));
	}
	if (args[1].len)
		items[pieces++] = value_string(p, strlen(p));
	*ret = (struct value){.kind = VALUE_LIST, .items = items, .len = pieces};
	return 0;
}

static int run_case(struct render *r, const char *name, const struct value *args, size_t count,
	struct value *ret, struct error **err)
{
	bool start = true;
	char *copy;

	(void)count;
	if (text_argument(name, &args[0], err) < 0)
		return -1;
	copy = arena_strndup(&r->arena, args[0].text, args[0].len);
	r->allocated += args[0].len;
	for (char *p = copy; *p; p++) {
		if (*name == 'u' || (*name == 't' && start))
			*p = (char)toupper((unsigned char)*p);
		else if (*name == 'l')
			*p = (char)tolower((unsigned char)*p);
		start = !is_word_char(*p) && *p != '\'';
	}
	*ret = value_string(copy, args[0].len);
	return 0;
}

static int run_trim(struct render *r, const char *name, const struct value *args, size_t count,
	struct value *ret, struct error **err)
{
	const char *from, *to;

	(void)count;
	if (text_argument(name, &args[0], err) < 0)
		return -1;
	from = args[0].text;
	to = from + args[0].len;
	while (from < to && isspace((unsigned char)*from))
		from++;
	while (to > from && isspace((unsigned char)to[-1]))
		to--;
	*ret = value_string(
		arena_strndup(&r->arena, from, (size_t)(to - from)), (size_t)(to - from));
	r->allocated += args[0].len;
	return 0;
}

/* docker's: pad TEXT BEFORE AFTER, spaces around what is not empty */
static int run_pad(struct render *r, const char *name, const struct value *args, size_t count,
	struct value *ret, struct error **err)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;

	(void)count;
	if (text_argument(name, &args[0], err) < 0 || int_argument(name, &args[1], err) < 0 ||
		int_argument(name, &args[2], err) < 0)
		return -1;
	if (args[1].integer < 0 || args[1].integer > 10000 || args[2].integer < 0 ||
		args[2].integer > 10000)
		return render_error(err, "error calling pad: the width is out of range");
	if (args[0].len) {
		strbuf_pad(&sb, ' ', (size_t)args[1].integer);
		strbuf_add(&sb, args[0].text, args[0].len);
		strbuf_pad(&sb, ' ', (size_t)args[2].integer);
	}
	*ret = value_take(r, &sb);
	return 0;
}

static int run_truncate(struct render *r, const char *name, const struct value *args, size_t count,
	struct value *ret, struct error **err)
{
	size_t keep = 0;
	int64_t runes = 0;

	(void)count;
	if (text_argument(name, &args[0], err) < 0 || int_argument(name, &args[1], err) < 0)
		return -1;
	while (keep < args[0].len) {
		if ((args[0].text[keep] & 0xc0) != 0x80 && runes++ >= args[1].integer)
			break;
		keep++;
	}
	*ret = value_string(arena_strndup(&r->arena, args[0].text, keep), keep);
	r->allocated += keep;
	return 0;
}

static const struct function {
	const char *name;
	size_t min, max;
	function_run *run; /* NULL: and, or: their arguments are evaluated one by one */
} functions[] = {
	{"and", 1, SIZE_MAX, NULL},
	{"eq", 2, SIZE_MAX, run_compare},
	{"ge", 2, 2, run_compare},
	{"gt", 2, 2, run_compare},
	{"index", 1, SIZE_MAX, run_index},
	{"join", 2, 2, run_join},
	{"json", 1, 1, run_json},
	{"le", 2, 2, run_compare},
	{"len", 1, 1, run_len},
	{"lower", 1, 1, run_case},
	{"lt", 2, 2, run_compare},
	{"ne", 2, 2, run_compare},
	{"not", 1, 1, run_not},
	{"or", 1, SIZE_MAX, NULL},
	{"pad", 3, 3, run_pad},
	{"print", 0, SIZE_MAX, run_print},
	{"printf", 1, SIZE_MAX, run_printf},
	{"println", 0, SIZE_MAX, run_print},
	{"slice", 1, 4, run_slice},
	{"split", 2, 2, run_split},
	{"title", 1, 1, run_case},
	{"trim", 1, 1, run_trim},
	{"truncate", 2, 2, run_truncate},
	{"upper", 1, 1, run_case},
};

static const struct function *find_function(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
		if (strcmp(functions[i].name, name) == 0)
			return &functions[i];
	return NULL;
}

static bool function_exists(const char *name)
{
	return find_function(name) != NULL;
}

/* ---- evaluation ---- */

static int eval_pipe(struct render *r, const struct pipe *pipe, const struct value *dot,
	struct value *ret, struct error **err);

static struct variable *find_variable(struct render *r, const char *name)
{
	for (size_t i = r->variable_count; i > 0; i--)
		if (strcmp(r->variables[i - 1].name, name) == 0)
			return &r->variables[i - 1];
	return NULL;
}

static void push_variable(struct render *r, const char *name, const struct value *v)
{
	array_grow(r->variables, r->variable_count, r->variable_capacity);
	r->variables[r->variable_count++] = (struct variable){.name = name, .value = *v};
}

static int eval_operand(struct render *r, const struct operand *operand, const struct value *dot,
	struct value *ret, struct error **err);

/* A function named in an operand, with the operands behind it and FINAL (NULL none) as arguments.
 */
static int call(struct render *r, const struct operand *operand, const struct value *dot,
	const struct value *final, struct value *ret, struct error **err)
{
	const struct function *function = find_function(operand->name);
	size_t count = 0, total = final ? 1 : 0;
	struct value *args;

	for (const struct operand *o = operand->next; o; o = o->next)
		total++;
	if (total < function->min || total > function->max)
		return render_error(
			err, "wrong number of args for %s: got %zu", function->name, total);
	args = render_alloc(r, (total + 1) * sizeof(*args));
	for (const struct operand *o = operand->next; o || (final && count < total); count++) {
		if (o) {
			if (eval_operand(r, o, dot, &args[count], err) < 0)
				return -1;
			o = o->next;
		} else {
			args[count] = *final;
		}
		if (!function->run) {
			*ret = args[count];
			if (is_true(ret) == (function->name[0] == 'o'))
				return 0;
		}
	}
	return function->run ? function->run(r, function->name, args, count, ret, err) : 0;
}

static int eval_operand(struct render *r, const struct operand *operand, const struct value *dot,
	struct value *ret, struct error **err)
{
	struct value v = *dot;

	if (step(r, err) < 0)
		return -1;
	switch (operand->kind) {
	case OPERAND_DOT:
		break;
	case OPERAND_VARIABLE: {
		const struct variable *variable = find_variable(r, operand->name);

		if (!variable)
			return render_error(err, "undefined variable \"%s\"", operand->name);
		v = variable->value;
		break;
	}
	case OPERAND_LITERAL:
		v = operand->literal;
		break;
	case OPERAND_PIPE:
		if (eval_pipe(r, operand->pipe, dot, &v, err) < 0)
			return -1;
		break;
	case OPERAND_FUNCTION: {
		struct operand alone = *operand;

		alone.next = NULL;
		if (call(r, &alone, dot, NULL, &v, err) < 0)
			return -1;
		break;
	}
	}
	for (const char **field = operand->fields; field && *field; field++)
		if (get_field(r, &v, *field, &v, err) < 0)
			return -1;
	*ret = v;
	return 0;
}

/* docker's and podman's row method {{.Label "key"}}: one of the Labels. */
static int eval_label(struct render *r, const struct operand *operand, const struct value *dot,
	struct value *ret, struct error **err)
{
	struct json member;
	struct value key;

	if (eval_operand(r, operand->next, dot, &key, err) < 0 ||
		text_argument("Label", &key, err) < 0)
		return -1;
	*ret = value_string("", 0);
	if (is_object(dot) && (json_member(dot->json, "_labels", &member) ||
				      json_member(dot->json, "Labels", &member))) {
		struct value labels = value_from_json(r, &member);

		if (is_object(&labels))
			return run_index(r, "Label", (struct value[]){labels, key}, 2, ret, err);
	}
	return 0;
}

static int eval_command(struct render *r, const struct command_node *command,
	const struct value *dot, const struct value *final, struct value *ret, struct error **err)
{
	const struct operand *first = command->operands;

	if (first->kind == OPERAND_FUNCTION)
		return call(r, first, dot, final, ret, err);
	if (first->kind == OPERAND_DOT && first->fields && strcmp(first->fields[0], "Label") == 0 &&
		!first->fields[1] && first->next && !first->next->next && !final)
		return eval_label(r, first, dot, ret, err);
	if (first->next || final)
		return render_error(err, "can't give argument to a value that is no function");
	return eval_operand(r, first, dot, ret, err);
}

static int eval_pipe(struct render *r, const struct pipe *pipe, const struct value *dot,
	struct value *ret, struct error **err)
{
	struct value v, *final = NULL;

	for (const struct command_node *c = pipe->commands; c; c = c->next) {
		struct value result;

		if (eval_command(r, c, dot, final, &result, err) < 0)
			return -1;
		v = result;
		final = &v;
	}
	*ret = v;
	return 0;
}

/* The variables of an action that is not a range. */
static int bind_variable(
	struct render *r, const struct pipe *pipe, const struct value *v, struct error **err)
{
	struct variable *variable;

	if (!pipe->variable_count)
		return 0;
	if (!pipe->assign) {
		push_variable(r, pipe->variables[0], v);
		return 0;
	}
	variable = find_variable(r, pipe->variables[0]);
	if (!variable)
		return render_error(err, "undefined variable \"%s\"", pipe->variables[0]);
	variable->value = *v;
	return 0;
}

enum flow { FLOW_NEXT, FLOW_BREAK, FLOW_CONTINUE };

static int render_list(struct render *r, const struct node *list, const struct value *dot,
	enum flow *ret_flow, struct error **err);

static int range_once(struct render *r, const struct node *node, const struct value *key,
	const struct value *item, enum flow *ret_flow, struct error **err)
{
	const struct pipe *pipe = node->pipe;
	size_t saved = r->variable_count;
	int status;

	if (step(r, err) < 0)
		return -1;
	if (pipe->assign) {
		for (unsigned int i = 0; i < pipe->variable_count; i++) {
			struct variable *variable = find_variable(r, pipe->variables[i]);

			if (!variable)
				return render_error(
					err, "undefined variable \"%s\"", pipe->variables[i]);
			variable->value = i + 1 == pipe->variable_count ? *item : *key;
		}
	} else {
		if (pipe->variable_count == 2)
			push_variable(r, pipe->variables[0], key);
		if (pipe->variable_count)
			push_variable(r, pipe->variables[pipe->variable_count - 1], item);
	}
	status = render_list(r, node->body, item, ret_flow, err);
	r->variable_count = saved;
	return status;
}

static int render_range(struct render *r, const struct node *node, const struct value *over,
	const struct value *dot, enum flow *ret_flow, struct error **err)
{
	enum flow flow = FLOW_NEXT;

	if (over->kind == VALUE_INT) {
		for (int64_t i = 0; i < over->integer && flow != FLOW_BREAK; i++) {
			struct value n = value_int(i);

			if (range_once(r, node, &n, &n, &flow, err) < 0)
				return -1;
		}
		if (over->integer > 0)
			return 0;
	} else if (is_array(over)) {
		size_t count = array_length(over);

		for (size_t i = 0; i < count && flow != FLOW_BREAK; i++) {
			struct value key = value_int((int64_t)i), item = array_at(r, over, i);

			if (range_once(r, node, &key, &item, &flow, err) < 0)
				return -1;
		}
		if (count)
			return 0;
	} else if (is_object(over)) {
		size_t count = object_length(over), i = 0;
		struct json *members = render_alloc(r, (count + 1) * sizeof(*members));
		struct json member;

		for (struct json_iter it = json_iter(over->json); json_next(&it, &member);)
			members[i++] = member;
		qsort(members, count, sizeof(*members), compare_members);
		for (i = 0; i < count && flow != FLOW_BREAK; i++) {
			struct value key = value_string(members[i].key, strlen(members[i].key));
			struct value item = value_from_json(r, &members[i]);

			if (range_once(r, node, &key, &item, &flow, err) < 0)
				return -1;
		}
		if (count)
			return 0;
	} else if (over->kind != VALUE_NULL && over->kind != VALUE_NONE) {
		return render_error(err, "range can't iterate over this value");
	}
	return render_list(r, node->otherwise, dot, ret_flow, err);
}

static int render_node(struct render *r, const struct node *node, const struct value *dot,
	enum flow *ret_flow, struct error **err)
{
	size_t saved = r->variable_count;
	struct value v;
	int status = 0;

	if (step(r, err) < 0)
		return -1;
	if (node->kind == NODE_TEXT) {
		strbuf_add(r->out, node->text, node->len);
		return 0;
	}
	if (node->kind == NODE_BREAK || node->kind == NODE_CONTINUE) {
		*ret_flow = node->kind == NODE_BREAK ? FLOW_BREAK : FLOW_CONTINUE;
		return 0;
	}
	if (eval_pipe(r, node->pipe, dot, &v, err) < 0)
		return -1;
	if (node->kind == NODE_RANGE)
		return render_range(r, node, &v, dot, ret_flow, err);
	if (bind_variable(r, node->pipe, &v, err) < 0)
		return -1;
	if (node->kind == NODE_ACTION)
		/* A declaration prints nothing and lasts to the end of its list. */
		return node->pipe->variable_count ? 0 : print_value(r, &v, r->out, err);
	if (is_true(&v))
		status = render_list(
			r, node->body, node->kind == NODE_WITH ? &v : dot, ret_flow, err);
	else
		status = render_list(r, node->otherwise, dot, ret_flow, err);
	r->variable_count = saved;
	return status;
}

static int render_list(struct render *r, const struct node *list, const struct value *dot,
	enum flow *ret_flow, struct error **err)
{
	size_t saved = r->variable_count;

	*ret_flow = FLOW_NEXT;
	for (const struct node *node = list; node && *ret_flow == FLOW_NEXT; node = node->next)
		if (render_node(r, node, dot, ret_flow, err) < 0)
			return -1;
	r->variable_count = saved;
	return 0;
}

int template_render(const struct template *t, const struct json *value, const char *root_json,
	struct strbuf *out, struct error **err)
{
	struct render r = {
		.out = out, .out_start = out->len, .root = value, .root_json = root_json};
	struct value dot = value_from_json(&r, value);
	enum flow flow;
	int status;

	push_variable(&r, "$", &dot);
	status = render_list(&r, t->root, &dot, &flow, err);
	free(r.variables);
	arena_free(r.arena);
	return status;
}
