// An ordinary day of pgjdbc in the query mode that is named. What it sees is printed as JSON.
import java.io.StringReader;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLWarning;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import org.postgresql.PGConnection;

public class Day {
  static final List<String> seen = new ArrayList<>();

  public static void main(String[] arguments) throws Exception {
    String url = System.getenv("DAY_URL") + "&preferQueryMode=" + arguments[0];
    try (Connection connection = DriverManager.getConnection(url)) {
      ask(connection, "CREATE TEMP TABLE things (id int, name text, made timestamptz)");
      try (PreparedStatement insert =
          connection.prepareStatement("INSERT INTO things VALUES (?, ?, '2026-01-02')")) {
        for (int n = 0; n < 20; n++) {
          insert.setInt(1, n);
          insert.setString(2, "name " + n);
          insert.addBatch();
        }
        saw("batch " + insert.executeBatch().length);
      }
      try (PreparedStatement select =
          connection.prepareStatement("SELECT id, name FROM things WHERE id = ?")) {
        for (int n = 0; n < 8; n++) { // prepared at the server from the fifth time on
          select.setInt(1, n);
          rows(select.executeQuery());
        }
      }
      ask(connection, "SELEC 1");
      ask(connection, "SELECT 1 / 0");
      ask(connection, "SELECT 1 AS one; SELECT 2 AS two");
      ask(connection, "DO $$ BEGIN RAISE NOTICE 'hello'; END $$");
      connection.setAutoCommit(false);
      ask(connection, "SELECT nothing_there");
      ask(connection, "SELECT 1");
      connection.rollback();
      try (PreparedStatement all = connection.prepareStatement("SELECT * FROM things ORDER BY id")) {
        all.setFetchSize(7); // a cursor, by portals
        rows(all.executeQuery());
      }
      connection.commit();
      connection.setAutoCommit(true);
      long copied =
          connection
              .unwrap(PGConnection.class)
              .getCopyAPI()
              .copyIn("COPY things (id, name) FROM STDIN", new StringReader("100\tcopied\n101\ttoo\n"));
      saw("copied " + copied);
      ask(connection, "SELECT count(*) FROM things");
    }
    System.out.println("[" + String.join(",", seen) + "]");
  }

  static void ask(Connection connection, String text) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      boolean found = statement.execute(text);
      while (true) {
        if (found) {
          rows(statement.getResultSet());
        } else if (statement.getUpdateCount() == -1) {
          break;
        } else {
          saw("changed " + statement.getUpdateCount());
        }
        found = statement.getMoreResults();
      }
      for (SQLWarning said = statement.getWarnings(); said != null; said = said.getNextWarning()) {
        saw("notice " + said.getMessage());
      }
    } catch (SQLException fault) {
      saw("error " + fault.getSQLState() + " " + fault.getMessage());
    }
  }

  static void rows(ResultSet found) throws SQLException {
    StringBuilder row = new StringBuilder("rows");
    while (found.next()) {
      for (int n = 1; n <= found.getMetaData().getColumnCount(); n++) {
        row.append(' ').append(found.getString(n));
      }
    }
    saw(row.toString());
  }

  static void saw(String what) {
    seen.add('"' + what.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n") + '"');
  }
}
